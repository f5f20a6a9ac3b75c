"""The tokens of a store on PostgreSQL."""

import dataclasses
import secrets
from collections.abc import Sequence
from datetime import timedelta

from latbase.db import rows
from latbase.db.clock import Clock, later
from latbase.db.postgres import Database
from latbase.db.sql import statements
from latbase.db.tokens import (
    KeptToken,
    NewToken,
    Role,
    Token,
    hashed,
    matches,
    new_bearer,
    the_one,
    token_id_of,
)


class PostgresTokens:
    """:class:`~latbase.db.tokens.OwnedTokens` in PostgreSQL.

    Args:
        database: keeps the tokens.
        now: by which they expire, or by the wall clock if that is later.
    """

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = later(now)

    def create(self, name: str, role: Role, *, valid_for: timedelta | None = None) -> NewToken:
        """See :meth:`Tokens.create`."""
        created_at = self._now()
        token = Token(
            token_id=secrets.token_hex(6),
            name=name,
            role=role,
            created_at=created_at,
            expires_at=created_at + valid_for if valid_for else None,
            revoked_at=None,
        )
        bearer = new_bearer(token.token_id)
        columns = {
            "token_id": token.token_id,
            "name": token.name,
            "role": token.role.value,
            "secret_hash": hashed(bearer),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
        }
        with self._database.transaction() as connection:
            connection.execute(_SQL["create"], columns)
        return NewToken(token=token, bearer=bearer)

    def all(self) -> list[Token]:
        """See :meth:`Tokens.all`."""
        with self._database.transaction() as connection:
            return rows.values(Token, connection.execute(_SQL["all"]).fetchall())

    def revoke(self, token_id: str) -> Token:
        """See :meth:`Tokens.revoke`."""
        with self._database.transaction() as connection:
            found = connection.execute(_SQL["starting"], {"prefix": token_id}).fetchall()
            whole = the_one(token_id, [str(row["token_id"]) for row in found])
            connection.execute(_SQL["revoke"], {"token_id": whole, "now": self._now()})
        return next(token for token in self.all() if token.token_id == whole)

    def role_of(self, bearer: str) -> Role | None:
        """See :meth:`OwnedTokens.role_of`."""
        asked = {"token_id": token_id_of(bearer), "now": self._now()}
        with self._database.transaction() as connection:
            row = connection.execute(_SQL["valid"], asked).fetchone()
        if row is None or not matches(bearer, str(row["secret_hash"])):
            return None
        return Role(str(row["role"]))

    def kept(self) -> list[KeptToken]:
        """See :meth:`OwnedTokens.kept`."""
        with self._database.transaction() as connection:
            return rows.values(KeptToken, connection.execute(_SQL["kept"]).fetchall())

    def keep(self, tokens: Sequence[KeptToken]) -> None:
        """See :meth:`OwnedTokens.keep`."""
        with self._database.transaction() as connection:
            for token in tokens:
                columns = dataclasses.asdict(token) | {"role": token.role.value}
                connection.execute(_SQL["keep"], columns)


_SQL = statements("postgres_tokens")

"""The tokens of a DuckDB store."""

import dataclasses
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from latbase.db import rows
from latbase.db.clock import Clock, later
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

if TYPE_CHECKING:
    from latbase.db.duckdb_store import DuckDbStore


class DuckDbTokens:
    """:class:`~latbase.db.tokens.Tokens` in a DuckDB store.

    Args:
        store: keeps the tokens.
        now: by which they expire, or by the wall clock if that is later.
    """

    def __init__(self, store: "DuckDbStore", now: Clock) -> None:
        self._store = store
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
        with self._store.transaction() as cursor:
            cursor.execute(
                _SQL["create"],
                {
                    "token_id": token.token_id,
                    "name": token.name,
                    "role": token.role.value,
                    "secret_hash": hashed(bearer),
                    "created_at": token.created_at,
                    "expires_at": token.expires_at,
                },
            )
        return NewToken(token=token, bearer=bearer)

    def all(self) -> list[Token]:
        """See :meth:`Tokens.all`."""
        with self._store.cursor() as cursor:
            return rows.read(Token, cursor.execute(_SQL["all"]).to_arrow_table())

    def revoke(self, token_id: str) -> Token:
        """See :meth:`Tokens.revoke`."""
        with self._store.transaction() as cursor:
            found = cursor.execute(_SQL["starting"], {"prefix": token_id}).fetchall()
            whole = the_one(token_id, [one for (one,) in found])
            cursor.execute(_SQL["revoke"], {"token_id": whole, "now": self._now()})
        return next(token for token in self.all() if token.token_id == whole)

    def role_of(self, bearer: str) -> Role | None:
        """Return what the bearer of this secret may do; None if it is wrong, revoked or expired."""
        with self._store.cursor() as cursor:
            row = cursor.execute(
                _SQL["valid"], {"token_id": token_id_of(bearer), "now": self._now()}
            ).fetchone()
        return Role(row[0]) if row and matches(bearer, row[1]) else None

    def kept(self) -> list[KeptToken]:
        """See :meth:`OwnedTokens.kept`."""
        with self._store.cursor() as cursor:
            return rows.read(KeptToken, cursor.execute(_SQL["kept"]).to_arrow_table())

    def keep(self, tokens: Sequence[KeptToken]) -> None:
        """See :meth:`OwnedTokens.keep`."""
        with self._store.transaction() as cursor:
            for token in tokens:
                cursor.execute(_SQL["keep"], dataclasses.asdict(token) | {"role": token.role.value})


_SQL = statements("tokens")

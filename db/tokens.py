"""Tokens: who may use a service. The secret is shown once; the store keeps its hash."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from latbase.errors import UnknownNameError

PREFIX = "latbase"


class Role(StrEnum):
    """What the bearer of a token may do; each may do what the one before may."""

    READER = "reader"
    """Ask."""
    HOST = "host"
    """Claim jobs and deliver measurements."""
    OPERATOR = "operator"
    """Queue and cancel jobs, run searches, manage tokens."""

    def allows(self, needed: "Role") -> bool:
        """Say whether this role covers ``needed``."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the store knows it, without its secret."""

    token_id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token just made; ``bearer`` is shown now and never again."""

    token: Token
    bearer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken(Token):
    """A token with the hash of its secret, to be kept by another store too."""

    secret_hash: str


class Tokens(Protocol):
    """The tokens of a store. Safe to share between threads."""

    def create(self, name: str, role: Role, *, valid_for: timedelta | None = None) -> NewToken:
        """Make a token; without ``valid_for`` it does not expire."""

    def all(self) -> Sequence[Token]:
        """Return every token, oldest first."""

    def revoke(self, token_id: str) -> Token:
        """End a token, by its id or a unique beginning of it; a repeat keeps the first time.

        Raises:
            UnknownNameError: no token's id starts so, or several do.
        """


class OwnedTokens(Tokens, Protocol):
    """The tokens of a store that this process keeps itself."""

    def role_of(self, bearer: str) -> Role | None:
        """Return what the bearer of this secret may do; None if it is wrong, revoked or expired."""

    def kept(self) -> Sequence[KeptToken]:
        """Return every token with the hash of its secret, oldest first."""

    def keep(self, tokens: Sequence[KeptToken]) -> None:
        """Take tokens of another store; of one already here only a revocation is taken."""


def new_bearer(token_id: str) -> str:
    """Return a bearer for ``token_id``: the id, so that it is found, and 256 random bits."""
    return f"{PREFIX}_{token_id}_{secrets.token_hex(32)}"


def token_id_of(bearer: str) -> str | None:
    """Return the id inside ``bearer``; None if it was not made by :func:`new_bearer`."""
    match bearer.split("_"):
        case [prefix, token_id, _] if prefix == PREFIX:
            return token_id
    return None


def hashed(bearer: str) -> str:
    """Return what is stored of a bearer. It holds 256 random bits, so it needs no salt."""
    return hashlib.sha256(bearer.encode()).hexdigest()


def matches(bearer: str, secret_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hashed(bearer), secret_hash)


def the_one(beginning: str, found: Sequence[str]) -> str:
    """Return the only one of the ids ``found`` that start with ``beginning``.

    Raises:
        UnknownNameError: it is not one; or nothing was named, which may not end the only token.
    """
    if not beginning or len(found) != 1:
        raise UnknownNameError(
            f"One token id must start with {beginning!r}; found {', '.join(found) or 'none'}. "
            "latbase token list shows them."
        )
    return found[0]

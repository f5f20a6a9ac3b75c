"""Who may do what: bearer tokens and roles, and where a service may listen."""

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Iterable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from latbase.db.tokens import OwnedTokens, Role
from latbase.errors import InvalidInputError, StoreAccessError

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

MEASURED = frozenset(
    {"hardware", "environment", "host", "configuration", "supernet", "subnet", "measurement"}
)
"""Tables that a host writes to. In others the later writer overwrites what people work with."""

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


class Gate:
    """Tells the role of a request.

    Attributes:
        local_bearer: a secret of this run for the same user's commands on this machine; the
            endpoint file hands it over.
    """

    def __init__(self, tokens: OwnedTokens) -> None:
        self.local_bearer = secrets.token_hex(32)
        self._tokens = tokens

    def role_of(self, bearer: str | None) -> Role:
        """Return what the bearer may do. A service without tokens serves everyone who reaches it.

        Raises:
            StoreAccessError: the token is missing, wrong, revoked or expired.
        """
        if bearer is None:
            if not self._tokens.all():
                return Role.OPERATOR
            raise StoreAccessError("This service asks for a token: send one with --token-file.")
        if hmac.compare_digest(bearer.encode(), self.local_bearer.encode()):
            return Role.OPERATOR
        role = self._tokens.role_of(bearer)
        if role is None:
            raise StoreAccessError(
                "The token is wrong, revoked or expired; ask the operator for another "
                "(latbase token create)."
            )
        return role


def needs(role: Role) -> Callable[[Request, HTTPAuthorizationCredentials | None], None]:
    """Return the dependency of an operation that ``role`` may use."""

    def check(request: Request, credentials: Credentials) -> None:
        found = role_of(request, credentials)
        if not found.allows(role):
            raise StoreAccessError(f"This needs a token of role {role}; yours is of role {found}.")
        request.state.role = found

    return check


def refuse_tables(role: Role, names: Iterable[str]) -> None:
    """Return if ``role`` may write to all of these tables.

    Raises:
        StoreAccessError: it may not.
    """
    if not role.allows(Role.OPERATOR) and (refused := set(names) - MEASURED):
        raise StoreAccessError(
            f"Writing {', '.join(sorted(refused))} needs a token of role {Role.OPERATOR}; yours is "
            f"of role {role}."
        )


def role_of(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Role:
    """Return what the sender of ``request`` may do.

    Raises:
        StoreAccessError: the token is missing, wrong, revoked or expired; or a web page elsewhere
            sent the request, perhaps having its own name lead to this machine (DNS rebinding).
    """
    _refuse_other_pages(request)
    gate: Gate = request.app.state.gate
    if credentials is not None:
        return gate.role_of(credentials.credentials)
    server = request.scope.get("server")
    if server and _is_loopback(server[0]) and not _is_loopback(_name_asked(request)):
        raise StoreAccessError(
            f"Without a token this service answers as localhost only, not as "
            f"{_name_asked(request)!r}: name localhost or 127.0.0.1, or send a token."
        )
    return gate.role_of(None)


def _refuse_other_pages(request: Request) -> None:
    """Return unless a browser changes something here for the page of another site."""
    origin, site = (request.headers.get(name) for name in ("origin", "sec-fetch-site"))
    if site is None:  # a browser tells only a trustworthy server, and a program nobody
        foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    else:
        foreign = site not in {"same-origin", "none"}
    if foreign and request.method not in READING:
        raise StoreAccessError(
            f"A web page of {origin or 'another site'} sent this; the store is changed by programs "
            "and by this service's own pages only."
        )


def _name_asked(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def check_exposure(host: str, *, tls: bool, tokens: bool, insecure: bool) -> None:
    """Return if a service may listen on ``host``.

    Args:
        host: name or address to listen on.
        tls: whether it has a certificate.
        tokens: whether the store has any token, so that requests must carry one.
        insecure: whether the user asked for the risk by name.

    Raises:
        InvalidInputError: others could read or write the store, or listen in.
    """
    if insecure or _is_loopback(host) or (tls and tokens):
        return
    missing = [
        *([] if tokens else ["a token (latbase token create)"]),
        *([] if tls else ["a certificate (--tls-cert and --tls-key)"]),
    ]
    raise InvalidInputError(
        f"Listening on {host} lets other machines in, which needs {' and '.join(missing)}; "
        "--insecure does without."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

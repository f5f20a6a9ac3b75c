"""The endpoint file beside a database: who serves it, and the secret that this user may use.

Only its owner can read it. A service that was killed leaves it behind, so what it says is believed
only when the service it names answers with the same instance.
"""

import json
import os
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path

ASK_S = 2.0
"""How long a service may take to say that it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a database is served.

    Attributes:
        instance: which run of the service; it answers ``/health`` with the same.
        bearer: a secret that lets this user do everything while that run lasts.
        certificate: PEM text of the service's certificate, if it has one.
    """

    url: str
    instance: str
    bearer: str
    certificate: str | None


def file_of(database: Path) -> Path:
    """Return the path of the endpoint file of ``database``."""
    file = database.resolve()
    return file.with_name(f"{file.name}.endpoint")


def publish(database: Path, endpoint: Endpoint) -> None:
    """Say who serves ``database``, replacing what a service that is gone may have left."""
    target = file_of(database)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(endpoint), file)
    draft.replace(target)


def withdraw(database: Path, instance: str) -> None:
    """Remove what :func:`publish` wrote, unless another service has replaced it."""
    found = _read(database)
    if found is not None and found.instance == instance:
        file_of(database).unlink(missing_ok=True)


def serving(database: Path) -> Endpoint | None:
    """Return who serves ``database`` now; None if nobody does, whatever the file says."""
    found = _read(database)
    if found is None:
        return None
    # A file that nobody serves is opened without loading an HTTP client.
    import httpx  # noqa: PLC0415

    try:
        # Without the environment: what is on this machine is not behind its proxy.
        answer = httpx.get(
            f"{found.url}/health",
            timeout=ASK_S,
            verify=trust(found.certificate),
            trust_env=False,
        )
        alive = answer.json()["instance"] == found.instance
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, KeyError, TypeError):
        return None  # what the file says is broken, or something else answers there by now
    return found if alive else None


def trust(certificate: str | None) -> ssl.SSLContext | bool:
    """Return how to verify a service: by this certificate, whatever host it names, or as usual."""
    if certificate is None:
        return True
    context = ssl.create_default_context(cadata=certificate)
    context.check_hostname = False
    # The certificate itself is trusted, also where an authority signed it that is not known here.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _read(database: Path) -> Endpoint | None:
    try:
        return Endpoint(**json.loads(file_of(database).read_text()))
    except (OSError, ValueError, TypeError):
        return None

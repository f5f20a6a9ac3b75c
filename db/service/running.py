"""Run the service of a store: in this process, beside whatever else it does."""

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import APIRouter

from latbase.db import endpoint
from latbase.db.service.app import create_app
from latbase.db.service.gate import check_exposure
from latbase.db.service.limits import Limits
from latbase.db.store import OwnedStore
from latbase.errors import InvalidInputError, StoreError

LOOPBACK = "127.0.0.1"
START_S = 30.0
"""How long a start may take."""
GRACE_S = 5
"""How long requests in progress may go on once it is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


class Service:
    """The service of a store while the ``with`` block lasts; commands on this machine find it.

    Args:
        store: what it serves; the caller closes it afterwards.
        host: name or address to listen on.
        port: 0 takes any free one.
        tls: serve HTTPS.
        insecure: listen beyond loopback without token or certificate.
        limits: what one request may cost.
        routers: more to serve, such as the dashboard.

    Attributes:
        url: where it answers.
        bearer: a secret of this run that lets its holder do everything.

    Raises:
        InvalidInputError: others could reach the store, the port is taken, or the certificate
            cannot be used.
    """

    def __init__(
        self,
        store: OwnedStore,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        tls: Tls | None = None,
        insecure: bool = False,
        limits: Limits | None = None,
        routers: Sequence[APIRouter] = (),
    ) -> None:
        tokens = bool(store.tokens.all())
        check_exposure(host, tls=tls is not None, tokens=tokens, insecure=insecure)
        store.jobs.shorten_leases()
        self._store = store
        self._app = create_app(store, limits, routers)
        self._tls = tls
        self._socket = _listen(host, port)
        self._server = uvicorn.Server(_settings(self._app, tls))
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run,
            name="latbase-service",
            daemon=True,
        )
        self.url = self._url(host)
        self.bearer: str = self._app.state.gate.local_bearer

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                self._socket.close()
                raise StoreError(f"The service did not start on {self.url}; its log says why.")
            time.sleep(0.01)
        if self._store.path is not None:
            endpoint.publish(self._store.path, self._endpoint())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._store.path is not None:
            endpoint.withdraw(self._store.path, self._app.state.instance)
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the service ends by itself; returns whether it did."""
        # Not Thread.join: before Python 3.13 an interrupted one takes the thread for ended.
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        finally:
            self._ended.set()

    def _url(self, host: str) -> str:
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{name}:{self._socket.getsockname()[1]}"

    def _endpoint(self) -> endpoint.Endpoint:
        address = ipaddress.ip_address(self._socket.getsockname()[0])
        loopback = "::1" if address.version == 6 else LOOPBACK  # noqa: PLR2004
        return endpoint.Endpoint(
            url=self._url(loopback if address.is_unspecified else str(address)),
            instance=self._app.state.instance,
            bearer=self.bearer,
            certificate=self._tls.certificate.read_text() if self._tls else None,
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InvalidInputError(
            f"Cannot listen on {host} port {port} ({error.strerror}); choose another --port or "
            "stop what listens there."
        ) from error


def _settings(app: object, tls: Tls | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's type for ASGI applications is its own
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise InvalidInputError(f"The certificate or its key cannot be used: {error}.") from error
    return config

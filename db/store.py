"""The latency store: what it promises, whoever keeps it."""

import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from latbase.db.jobs import JobQueue, OwnedQueue
from latbase.db.records import Record
from latbase.db.tokens import OwnedTokens, Tokens
from latbase.errors import InvalidInputError, StoreBusyError

if TYPE_CHECKING:
    import pyarrow as pa

    from latbase.db.rows import Table

Parameters = Sequence[object] | Mapping[str, object] | None

SERVICE = ("http://", "https://")
"""How the address of a service begins."""

POSTGRES = ("postgresql://", "postgres://")
"""How that of a database begins; what begins otherwise is the path of a file."""


class Store(Protocol):
    """Where measurements and searches live: a file of this process, or behind a service.

    Safe to share between threads. Whoever opened a store closes it. Nothing here depends on one
    file or one owner, so another engine can keep the same promises; ``tests/integration/db`` states
    them as one suite that every store passes.
    """

    @property
    def description(self) -> str:
        """The path or address, for messages."""

    @property
    def jobs(self) -> JobQueue:
        """The queue of measurements to be made."""

    @property
    def tokens(self) -> Tokens:
        """Who may use a service of this store."""

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> "pa.Table":
        """Answer one statement that only reads, as of one moment.

        Args:
            sql: a single SELECT, FROM, WITH, VALUES, SHOW, DESCRIBE or SUMMARIZE.
            parameters: bound to ``?`` or ``$name``.
            max_rows: rows beyond it are left out.
            timeout_s: after so many seconds the statement is stopped.

        Raises:
            QueryRefusedError: not one reading statement, or wrong in itself.
            QueryTimeoutError: it was stopped.
            StoreError: the store cannot be read.
        """

    def write(self, records: Sequence[Record]) -> None:
        """Write all of ``records`` in one transaction, or none of them.

        What it returned from survives a kill of every process involved. Writing a record again is
        a no-op, except that hosts, searches, evaluations and predictors take the newer values. Of
        records with the same key in one call the last one counts. Records may come in any order,
        but what one refers to is in the store or in the same call.

        Raises:
            InvalidInputError: a record refers to one the store does not have, or cannot be stored.
            StoreError: the store cannot be written (a full disk, a store opened for reading).
        """

    def write_rows(self, batches: "Sequence[tuple[Table, pa.Table]]") -> None:
        """Write rows instead of records, with the promises of :meth:`write`.

        For large amounts: ``batches`` are ordered as :data:`latbase.db.rows.TABLES`, rows have the
        table's schema and distinct keys.
        """

    def backup(self, target: Path) -> None:
        """Write everything, as of one moment, to a new DuckDB file, while others read and write.

        Raises:
            InvalidInputError: ``target`` exists or cannot be written.
            StoreError: the store cannot be read.
        """

    def close(self) -> None:
        """Let go of the store; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class OwnedStore(Store, Protocol):
    """A store that this process keeps itself, so that it can serve it to others."""

    @property
    def path(self) -> Path | None:
        """The file whose users are to find the service; None if there is none."""

    @property
    def jobs(self) -> OwnedQueue:
        """The queue of measurements to be made."""

    @property
    def tokens(self) -> OwnedTokens:
        """Who may use a service of this store."""

    def stream(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        timeout_s: float | None = None,
        cancelled: threading.Event | None = None,
    ) -> AbstractContextManager["pa.RecordBatchReader"]:
        """Answer like :meth:`query`, a batch at a time; valid inside the ``with`` block.

        Setting ``cancelled`` ends it as a time-out would.
        """


BUSY_WAIT_S = 2.0
"""How long to wait for a file in use: its owner may be a short command, or about to serve it."""


def connect(
    target: str | Path,
    *,
    read_only: bool = False,
    token: str | None = None,
    certificate: Path | None = None,
    data: str | Path | None = None,
) -> Store:
    """Open the latency store at ``target``, making it if it does not exist.

    A file that a daemon or ``latbase serve`` of this user owns is reached through its service;
    otherwise this process opens it.

    Args:
        target: path of a DuckDB file, ``http(s)://host:port`` of a service, ``postgresql://…`` of
            a database that keeps a store, or ``:memory:``.
        read_only: only read; a file must exist.
        token: for a service that asks for one.
        certificate: PEM file of the authority to trust for a service; the system's if None.
        data: where a new store on PostgreSQL is to keep its measurements: a directory, or
            ``s3://bucket/prefix``.

    Raises:
        StoreError: the target cannot be a store; the message says why and what to do.
        StoreBusyError: another process owns the file and offers no service.
        StoreUnreachableError: the service does not answer.
        StoreVersionError: file or service belong to a newer latbase or DuckDB.
    """
    name = str(target)
    if name.startswith(POSTGRES):
        return _postgres(name, data, read_only=read_only)
    if data is not None:
        raise InvalidInputError(
            f"A directory for measurements is for stores on PostgreSQL, and {name} is none."
        )
    if name.startswith(SERVICE):
        return _service(name, read_only=read_only, token=token, certificate=certificate)
    if name == ":memory:":
        return _file(None, read_only=False)
    path, until = Path(target).expanduser(), time.monotonic() + BUSY_WAIT_S
    while True:
        if served := _served(path, read_only=read_only):
            return served
        try:
            return _file(path, read_only=read_only)
        except StoreBusyError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


# Each way loads only what it needs: DuckDB and the HTTP client take 0.1 s apiece.


def _file(path: Path | None, *, read_only: bool) -> Store:
    from latbase.db.duckdb_store import DuckDbStore  # noqa: PLC0415

    return DuckDbStore(path, read_only=read_only)


def _postgres(url: str, data: str | Path | None, *, read_only: bool) -> Store:
    from latbase.db.postgres_store import PostgresStore  # noqa: PLC0415

    return PostgresStore(url, data, read_only=read_only, move_s=None)


def _served(path: Path, *, read_only: bool) -> Store | None:
    from latbase.db import endpoint  # noqa: PLC0415

    if not endpoint.file_of(path).exists() or (found := endpoint.serving(path)) is None:
        return None
    from latbase.db.client import HttpStore  # noqa: PLC0415

    verify = endpoint.trust(found.certificate)
    return HttpStore(found.url, bearer=found.bearer, verify=verify, read_only=read_only)


def _service(url: str, *, read_only: bool, token: str | None, certificate: Path | None) -> Store:
    from latbase.db.client import HttpStore  # noqa: PLC0415

    try:
        verify = ssl.create_default_context(cafile=certificate) if certificate else True
    except OSError as error:
        raise InvalidInputError(f"{certificate} is no certificate to trust: {error}.") from error
    return HttpStore(url, bearer=token, verify=verify, read_only=read_only)

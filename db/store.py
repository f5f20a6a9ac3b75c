"""The latency store: what it promises, whoever keeps it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from latbase.db.jobs import JobQueue
from latbase.db.records import Record
from latbase.db.tokens import Tokens

if TYPE_CHECKING:
    import pyarrow as pa

    from latbase.db.rows import Table

Parameters = Sequence[object] | Mapping[str, object] | None


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

    def close(self) -> None:
        """Let go of the store; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def connect(target: str | Path, *, read_only: bool = False) -> Store:
    """Open the latency store at ``target``, making it if it does not exist.

    Args:
        target: path of a DuckDB file, or ``:memory:``.
        read_only: only read; the file must exist.

    Raises:
        StoreError: the target cannot be a store; the message says why and what to do.
        StoreBusyError: another process owns the file.
        StoreVersionError: it was written by a newer latbase or DuckDB.
    """
    # Loading DuckDB takes 0.1 s that a client of a service need not wait for.
    from latbase.db.duckdb_store import DuckDbStore  # noqa: PLC0415

    if str(target) == ":memory:":
        return DuckDbStore(None)
    return DuckDbStore(Path(target).expanduser(), read_only=read_only)

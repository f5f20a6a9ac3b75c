"""The latency store: what it promises, and DuckDB behind it."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import duckdb
import pyarrow as pa

from latbase.db import opening
from latbase.db.records import Record
from latbase.db.rows import insertions
from latbase.errors import QueryRefusedError, StoreError

Parameters = Sequence[object] | Mapping[str, object] | None

READING = {duckdb.StatementType.SELECT}
"""DuckDB counts SHOW and DESCRIBE among them. EXPLAIN is not: EXPLAIN ANALYZE runs a DELETE."""


class Store(Protocol):
    """Where measurements and searches live, in this process or behind a service.

    Safe to share between threads. What :meth:`write` returned from survives a kill of the process.
    """

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """Answer one statement that only reads.

        Args:
            sql: a single SELECT, SHOW or DESCRIBE.
            parameters: bound to ``?`` or ``$name``.
            max_rows: rows beyond it are left out.
            timeout_s: after so many seconds the statement is stopped.

        Raises:
            QueryRefusedError: not one reading statement, or wrong in itself.
            StoreError: it was stopped, or the store cannot be read.
        """

    def write(self, records: Sequence[Record]) -> None:
        """Write all of ``records`` in one transaction, or none.

        Writing a record again is a no-op, except that hosts, searches, evaluations and predictors
        take the newer values.

        Raises:
            StoreError: the store cannot be written (a full disk, a store opened for reading).
        """

    def close(self) -> None:
        """Let go of the store."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class DuckDbStore:
    """A :class:`Store` on a DuckDB file that this process owns.

    Args:
        path: the file, made if it does not exist; None for one in memory.
        read_only: open an existing file for reading, beside other readers.

    Raises:
        StoreError: the path cannot be a store; the message says why and what to do.
        StoreBusyError: another process writes to it.
        StoreVersionError: it was written by a newer latbase or DuckDB.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection = opening.open_store(path, read_only=read_only)

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """See :meth:`Store.query`."""
        with self._connection.cursor() as cursor:
            timer = threading.Timer(timeout_s or 0, cursor.interrupt)
            try:
                _refuse_unless_reading(cursor, sql)
                if timeout_s:
                    timer.start()
                result = cursor.sql(sql, params=parameters)
                return (result if max_rows is None else result.limit(max_rows)).to_arrow_table()
            except duckdb.InterruptException as error:
                raise StoreError(
                    f"The query took longer than {timeout_s:g} s and was stopped; "
                    "ask for less, or allow more time."
                ) from error
            except duckdb.Error as error:
                raise QueryRefusedError(f"DuckDB refused the query: {error}") from error
            finally:
                timer.cancel()

    def write(self, records: Sequence[Record]) -> None:
        """See :meth:`Store.write`."""
        with self._lock, self._connection.cursor() as cursor:
            try:
                cursor.begin()
                for statement, rows in insertions(records):
                    cursor.register("incoming", rows)
                    cursor.execute(statement)
                    cursor.unregister("incoming")
                cursor.commit()
            except duckdb.Error as error:
                raise StoreError(f"The store could not be written: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(target: str | Path, *, read_only: bool = False) -> Store:
    """Open the latency store at ``target``, making it if it does not exist.

    Args:
        target: path of a DuckDB file, or ``:memory:``.
        read_only: only read; the file must exist.

    Raises:
        StoreError: the target cannot be a store; the message says why and what to do.
    """
    if str(target) == ":memory:":
        return DuckDbStore(None)
    return DuckDbStore(Path(target).expanduser(), read_only=read_only)


def _refuse_unless_reading(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in READING:
        raise QueryRefusedError(
            "The store answers one statement at a time, and only a SELECT, SHOW or DESCRIBE; "
            f"found {', '.join(str(s.type).rpartition('.')[2] for s in statements) or 'none'}."
        )

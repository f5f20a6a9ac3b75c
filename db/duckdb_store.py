"""A store on a DuckDB file, or in memory, inside this process."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import duckdb
import pyarrow as pa

from latbase.db import copying, opening, rows, writing
from latbase.db.clock import steady_clock
from latbase.db.combining import Combiner
from latbase.db.deadline import deadline
from latbase.db.duckdb_jobs import DuckDbJobs
from latbase.db.duckdb_tokens import DuckDbTokens
from latbase.db.reading import refuse_unless_reading
from latbase.db.records import Record
from latbase.db.store import Parameters
from latbase.errors import (
    InvalidInputError,
    QueryRefusedError,
    QueryTimeoutError,
    StoreError,
)

BATCH_ROWS = 10_000
"""Rows of a result that are held at a time."""

_DUCKDB_ERROR = re.compile(r"\w+ Error: ")

_WRITERS: "WeakValueDictionary[Path, _Writer]" = WeakValueDictionary()
"""The writer of each open file: two stores of one process on the same file share it."""


class _Writer:
    """One writer at a time: DuckDB would let two begin and fail one of them at its commit."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class DuckDbStore:
    """A :class:`~latbase.db.store.Store` on a DuckDB file that this process owns.

    Args:
        path: the file, made if it does not exist; None for one in memory.
        read_only: open an existing file for reading, beside other readers.

    Raises:
        StoreError: the path cannot be a store; the message says why and what to do.
        StoreBusyError: another process owns the file.
        StoreVersionError: it was written by a newer latbase or DuckDB.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = opening.open_store(path, read_only=read_only)
        self._writer = _Writer()
        if path is not None:
            self._writer = _WRITERS.setdefault(path.resolve(), self._writer)
        self._writes = Combiner(self._write_together)
        now = steady_clock()
        self.jobs = DuckDbJobs(self, now)
        self.tokens = DuckDbTokens(self, now)

    @property
    def description(self) -> str:
        """The path."""
        return str(self.path or ":memory:")

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """See :meth:`Store.query`."""
        with self.stream(sql, parameters, timeout_s=timeout_s) as reader:
            return _read(reader, max_rows)

    @contextmanager
    def stream(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        timeout_s: float | None = None,
        cancelled: threading.Event | None = None,
    ) -> Iterator[pa.RecordBatchReader]:
        """Answer like :meth:`query`, a batch at a time; valid inside the ``with`` block.

        Setting ``cancelled`` ends it as a time-out would.
        """
        with self.cursor() as cursor, deadline(timeout_s, cursor.interrupt, cancelled):
            try:
                refuse_unless_reading(cursor, sql)
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                cursor.execute(sql, parameters)
                yield cursor.to_arrow_reader(BATCH_ROWS)
            except (duckdb.Error, OSError) as error:
                if reason := self._reading_failed(error, timeout_s):
                    raise reason from error
                raise

    def write(self, records: Sequence[Record]) -> None:
        """See :meth:`Store.write`."""
        self.write_rows(list(rows.batches(records)))

    def write_rows(self, batches: rows.Batches) -> None:
        """See :meth:`Store.write_rows`."""
        self._writes.submit(batches)

    def _write_together(self, writes: Sequence[rows.Batches]) -> None:
        with self.transaction() as cursor:
            for table, batch in rows.united(writes):
                writing.write_rows(cursor, table, batch)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Own the store's only writer for the block: committed at its end, or undone whole.

        Raises:
            InvalidInputError: a value does not fit its column.
            StoreError: the store cannot be written.
        """
        if self.read_only:
            raise StoreError(f"{self.description} was opened for reading only; open it to write.")
        with self._writer.lock, self.cursor() as cursor:
            try:
                cursor.begin()
                yield cursor
                cursor.commit()
            except (duckdb.ConversionException, duckdb.ConstraintException) as error:
                raise InvalidInputError(
                    f"A row does not fit the store: {error}. Nothing was written."
                ) from error
            except duckdb.Error as error:
                raise StoreError(
                    f"{self.description} could not be written: {error}. Nothing was written; "
                    "check the disk, then run the same again."
                ) from error

    def backup(self, target: Path) -> None:
        """See :meth:`Store.backup`."""
        if self.path is None:
            raise StoreError("A store in memory has no file to back up; export it instead.")
        copying.refuse_occupied(target)
        # Without a writer nothing changes the file or its log; readers go on.
        with self._writer.lock:
            copying.copy_database(self.path, target)
        DuckDbStore(target).close()

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

    def _reading_failed(self, error: Exception, timeout_s: float | None) -> StoreError | None:
        text = str(error)
        # While a result streams, DuckDB's errors arrive as OSError with DuckDB's own text.
        if not isinstance(error, duckdb.Error) and not _DUCKDB_ERROR.match(text):
            return None
        if text.startswith("INTERRUPT"):
            return QueryTimeoutError(
                f"The query took longer than {timeout_s} s and was stopped; ask for less, or allow "
                "more time."
            )
        if text.startswith(("IO Error", "FATAL", "INTERNAL")):
            return StoreError(f"{self.description} cannot be read: {text}")
        return QueryRefusedError(f"DuckDB refused the query: {text}")

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for one statement or transaction; closing it undoes the rest."""
        try:
            cursor = self._connection.cursor()
        except duckdb.ConnectionException as error:
            raise StoreError(f"{self.description} is closed; connect to it again.") from error
        with cursor:
            yield cursor


def _read(reader: pa.RecordBatchReader, max_rows: int | None) -> pa.Table:
    if max_rows is None:
        return reader.read_all()
    batches, left = [], max_rows
    while left > 0 and (batch := next(reader, None)) is not None:
        batches.append(batch.slice(0, left))
        left -= len(batches[-1])
    return pa.Table.from_batches(batches, schema=reader.schema)

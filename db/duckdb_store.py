"""A store on a DuckDB file, or in memory, inside this process."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import duckdb
import pyarrow as pa

from latbase.db import copying, opening, rows, streaming, writing
from latbase.db.clock import steady_clock
from latbase.db.combining import Combiner
from latbase.db.duckdb_jobs import DuckDbJobs
from latbase.db.duckdb_tokens import DuckDbTokens
from latbase.db.records import Record
from latbase.db.store import Parameters
from latbase.errors import InvalidInputError, StoreError

READING, WRITING = "BEGIN TRANSACTION READ ONLY", "BEGIN TRANSACTION"

SMALL_BUFFER = "SET streaming_buffer_size = '64KB'"
"""Rows a query runs ahead of who reads them; long text is not counted and took gigabytes."""

LEAVE_S = 10.0
"""How long those who still read a broken database may take to notice."""

_WRITERS: "WeakValueDictionary[Path, _Writer]" = WeakValueDictionary()
"""The writer of each open file: two stores of one process on the same file share it."""


class _Writer:
    """One writer at a time: DuckDB would let two begin and fail one of them at its commit."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class DuckDbStore:
    """A :class:`~latbase.db.store.Store` on a DuckDB file that this process owns.

    DuckDB gives up a database for good on an error in the middle of a checkpoint, such as a full
    disk; the file is whole, and the next use opens it again.

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
        self._opening = threading.Lock()
        self._closed = False
        self._begun: set[duckdb.DuckDBPyConnection] = set()
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
            return streaming.read(reader, max_rows)

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
        with (
            self.cursor() as cursor,
            streaming.answer(
                cursor,
                sql,
                parameters,
                description=self.description,
                timeout_s=timeout_s,
                cancelled=cancelled,
            ) as reader,
        ):
            yield reader

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
        with self._writer.lock, self.cursor(WRITING) as cursor:
            try:
                yield cursor
                cursor.commit()
            except (duckdb.ConversionException, duckdb.ConstraintException) as error:
                raise InvalidInputError(
                    f"A row does not fit the store: {error}. Nothing was written."
                ) from error
            except duckdb.Error as error:
                # After a broken checkpoint only reopening shows whether the commit before it holds.
                known = (
                    "C" if isinstance(error, duckdb.FatalException) else "Nothing was written; c"
                )
                raise StoreError(
                    f"{self.description} could not be written: {error}. {known}heck the disk, then "
                    "run the same again."
                ) from error

    def backup(self, target: Path) -> None:
        """See :meth:`Store.backup`."""
        if self.path is None:
            raise StoreError("A store in memory has no file to back up; export it instead.")
        with copying.written_whole(target) as draft:
            # Without a writer nothing changes the file or its log; readers go on.
            with self._writer.lock:
                copying.copy_database(self.path, draft)
            DuckDbStore(draft).close()  # its log becomes part of it

    def close(self) -> None:
        """Let go of the file."""
        with self._opening:
            self._closed = True
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

    @contextmanager
    def cursor(self, begin: str = READING) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of its own; leaving the block undoes what was not committed.

        Raises:
            StoreError: the store is closed, or cannot be read.
        """
        try:
            used = self._connection
            try:
                cursor = self._begin(begin)
            except (duckdb.FatalException, duckdb.ConnectionException):
                self._reopen(used)
                cursor = self._begin(begin)
            try:
                yield cursor
            finally:
                self._end(cursor)
        except duckdb.Error as error:
            raise StoreError(f"{self.description} cannot be read: {error}") from error

    def _begin(self, how: str) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        self._begun.add(cursor)
        try:
            cursor.execute(SMALL_BUFFER)
            return cursor.execute(how)
        except BaseException:
            self._end(cursor)
            raise

    def _end(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.close()
        self._begun.discard(cursor)

    def _reopen(self, used: duckdb.DuckDBPyConnection) -> None:
        """Open the file anew, unless another thread has done so since ``used`` broke."""
        with self._opening:
            if self._closed:
                raise StoreError(f"{self.description} is closed; connect to it again.")
            if self._connection is not used:
                return
            if self.path is None:
                raise StoreError("The store in memory is lost: DuckDB had an error inside.")
            self._wait_for_readers()
            used.close()
            self._connection = opening.open_store(self.path, read_only=self.read_only)

    def _wait_for_readers(self) -> None:
        """Have all cursors closed: until then DuckDB would hand the broken database out again."""
        until = time.monotonic() + LEAVE_S
        while waiting := list(self._begun):
            for cursor in waiting:
                with suppress(duckdb.ConnectionException):  # closed meanwhile
                    cursor.interrupt()
            if time.monotonic() > until:
                raise StoreError(
                    f"{self.description} is opened anew once all have left; try again."
                )
            time.sleep(0.05)

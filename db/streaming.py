"""Answer one reading statement on a DuckDB connection, a batch at a time."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pyarrow as pa

from latbase.db.deadline import deadline
from latbase.db.reading import refuse_unless_reading
from latbase.db.store import Parameters
from latbase.errors import QueryRefusedError, QueryTimeoutError, StoreError

BATCH_ROWS = 10_000
"""Rows that are copied at a time."""

CHUNK_ROWS = 2_048
"""Rows of a result that are held at a time, however long: the fewest that DuckDB hands out."""

_DUCKDB_ERROR = re.compile(r"\w+ Error: ")


@contextmanager
def answer(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Parameters,
    *,
    description: str,
    timeout_s: float | None,
    cancelled: threading.Event | None,
) -> Iterator[pa.RecordBatchReader]:
    """Answer ``sql`` in the open transaction of ``cursor``; valid inside the ``with`` block.

    Setting ``cancelled`` ends it as a time-out would.

    Raises:
        QueryRefusedError: not one reading statement, or wrong in itself.
        QueryTimeoutError: it was stopped.
        StoreError: the store, called ``description``, cannot be read.
    """

    def interrupt() -> None:
        with suppress(duckdb.ConnectionException):  # whoever closed the store was faster
            cursor.interrupt()

    with deadline(timeout_s, interrupt, cancelled) as stopped:
        try:
            refuse_unless_reading(cursor, sql)
            cursor.execute(sql, parameters)
            # Closed at once: while a reader is left over, DuckDB lets nobody open the file again.
            with cursor.to_arrow_reader(CHUNK_ROWS) as reader:
                yield reader
        except (duckdb.Error, OSError) as error:
            if reason := _failed(error, description, timeout_s, stopped=stopped.is_set()):
                raise reason from error
            raise


def read(reader: pa.RecordBatchReader, max_rows: int | None) -> pa.Table:
    """Return the rows of ``reader``, those beyond ``max_rows`` left out."""
    if max_rows is None:
        return reader.read_all()
    batches, left = [], max_rows
    while left > 0 and (batch := next(reader, None)) is not None:
        batches.append(batch.slice(0, left))
        left -= len(batches[-1])
    return pa.Table.from_batches(batches, schema=reader.schema)


def _failed(
    error: Exception, description: str, timeout_s: float | None, *, stopped: bool
) -> StoreError | None:
    text = str(error)
    # While a result streams, DuckDB's errors arrive as OSError with DuckDB's own text.
    if not isinstance(error, duckdb.Error) and not _DUCKDB_ERROR.match(text):
        return None
    if text.startswith("INTERRUPT") and not stopped:
        # So it may report another thread's error, and what a store being closed does to queries.
        return StoreError(f"{description} broke the query off without saying why; ask again.")
    if text.startswith("INTERRUPT"):
        return QueryTimeoutError(
            f"The query took longer than {timeout_s} s and was stopped; ask for less, or allow "
            "more time."
        )
    if text.startswith(("IO Error", "FATAL", "INTERNAL")):
        return StoreError(f"{description} cannot be read: {text}")
    return QueryRefusedError(f"DuckDB refused the query: {text}")

"""A store on PostgreSQL, its measurements in DuckLake; any number of processes at once."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from latbase.db import copying, postgres_writing, rows, streaming, writing
from latbase.db.combining import Combiner
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.ducklake import Lake, check_extensions, check_place
from latbase.db.postgres import Database
from latbase.db.postgres_jobs import PostgresJobs
from latbase.db.postgres_tokens import PostgresTokens
from latbase.db.records import Record
from latbase.db.sql import statements
from latbase.db.store import Parameters
from latbase.errors import StoreError

MOVE_S = 30.0
"""Pause between two moves of measurements into the lake."""
COMPACT_EVERY = 120
"""Moves between two compactions: an hour."""

log = logging.getLogger(__name__)


class PostgresStore:
    """An :class:`~latbase.db.store.OwnedStore` on PostgreSQL and DuckLake.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        data: directory or ``s3://bucket/prefix`` of the lake's Parquet files; needed the first time
            only.
        read_only: refuse to write.
        move_s: pause between two moves into the lake; None if this process moves nothing.

    Raises:
        InvalidInputError: the lake is elsewhere, or no directory is given for a new one.
        StoreError: the database cannot be reached or used; the message says why and what to do.
        StoreVersionError: database, lake or extension do not fit this latbase and DuckDB.
    """

    path = None

    def __init__(
        self,
        url: str,
        data: str | Path | None = None,
        *,
        read_only: bool = False,
        move_s: float | None = MOVE_S,
    ) -> None:
        self.read_only = read_only
        check_extensions()
        self._database = Database(url, partial(check_place, data=None if read_only else data))
        try:
            self._lake = Lake(self._database, data)
        except BaseException:
            self._database.close()
            raise
        self._writes = Combiner(self._write_together)
        now = self._database.clock()
        self.jobs = PostgresJobs(self._database, now)
        self.tokens = PostgresTokens(self._database, now)
        self._closing = threading.Event()
        self._mover = threading.Thread(
            target=self._move_on, args=(move_s,), name="latbase-mover", daemon=True
        )
        if move_s is not None and not read_only:
            self._mover.start()

    @property
    def description(self) -> str:
        """The address, without secrets."""
        return self._database.description

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
        """See :meth:`OwnedStore.stream`."""
        try:
            with (
                self._lake.moment() as cursor,
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
        except StoreError as error:
            raise type(error)(self._database.without_secrets(str(error))) from None

    def write(self, records: Sequence[Record]) -> None:
        """See :meth:`Store.write`."""
        self.write_rows(list(rows.batches(records)))

    def write_rows(self, batches: rows.Batches) -> None:
        """See :meth:`Store.write_rows`."""
        if self.read_only:
            raise StoreError(f"{self.description} was opened for reading only; open it to write.")
        self._writes.submit(batches)

    def move(self) -> int:
        """Move the measurements that wait in the database into the lake; returns how many.

        Zero as well if another process is moving. A kill in the middle loses and doubles nothing:
        the next move goes on from what the lake has.

        Raises:
            StoreError: the database or the lake cannot be written.
        """
        sql = statements("postgres_writing")
        with self._database.transaction() as connection:
            row = connection.execute(sql["mover"]).fetchone()
            if row is None or not row["mine"]:
                return 0
            try:
                taken = self._lake.take()
            except duckdb.Error as error:
                text = self._database.without_secrets(str(error))
                raise StoreError(f"The lake cannot be written: {text}") from None
            if taken is None:
                return 0
            arrival, newest = taken
            connection.execute(sql["moved"], {"newest": newest})
            return connection.execute(sql["leave"], {"arrival": arrival}).rowcount

    def compact(self) -> None:
        """Merge the lake's small files, and drop what no snapshot needs."""
        self._lake.compact()

    def backup(self, target: Path) -> None:
        """See :meth:`Store.backup`."""
        with (
            copying.written_whole(target) as draft,
            self._lake.moment() as cursor,
            DuckDbStore(draft) as copy,
        ):
            for table in rows.TABLES:
                columns = ", ".join(f'"{name}"' for name in table.schema.names)
                cursor.execute(f"SELECT {columns} FROM {table.name}")
                for batch in cursor.to_arrow_reader(streaming.BATCH_ROWS):
                    page = pa.Table.from_batches([batch]).cast(table.schema)
                    copy.write_rows([(table, page)])
            for name in ("job", "token"):
                cursor.execute(f"FROM pg.{name}")
                found = cursor.to_arrow_table()
                with copy.transaction() as own, writing.registered(own, "incoming", found):
                    own.execute(f"INSERT INTO {name} BY NAME FROM incoming")

    def close(self) -> None:
        """Let go of the database; what waits is moved by the next process."""
        self._closing.set()
        if self._mover.is_alive():
            self._mover.join()
        self._lake.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_together(self, writes: Sequence[rows.Batches]) -> None:
        with self._database.transaction() as connection:
            postgres_writing.write(connection, list(rows.united(writes)), self._lake.known)

    def _move_on(self, move_s: float) -> None:
        moves = 0
        while not self._closing.wait(move_s):
            try:
                self.move()
                moves += 1
                if moves % COMPACT_EVERY == 0:
                    self.compact()
            except (StoreError, duckdb.Error) as error:
                # Nothing is lost: it waits in the database until the next time.
                log.warning("moving measurements into the lake failed: %s", error)

"""DuckDB over a store on PostgreSQL: it reads the tables there and the measurements in DuckLake.

What a query sees is what it sees in a DuckDB file: the same names, types and views, taken from the
schema of one.
"""

import importlib.util
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from latbase.db import object_storage, opening
from latbase.db.postgres import LAKE_SCHEMA, SCHEMA, Database
from latbase.db.sql import statements
from latbase.errors import InvalidInputError, StoreError, StoreVersionError

EXTENSIONS = ("ducklake", "postgres_scanner")
"""Of DuckDB; each has a wheel of its name."""

UNSEEN = frozenset({"schema_version", "token"})
"""Tables of a DuckDB store that no query needs here."""

OPTIONS = {"expire_older_than": "1 day", "delete_older_than": "1 day"}
"""How long a snapshot of the lake stays, and a file that none holds: longer than any query."""


class Lake:
    """DuckDB, attached to a database and the lake on it, locked down.

    Args:
        database: keeps every table but the measurements, and the lake's catalog.
        data: directory or ``s3://bucket/prefix`` of the lake's Parquet files; only needed to make
            the lake.

    Raises:
        InvalidInputError: the lake is elsewhere, or must be made and no directory is given.
        StoreError: the lake cannot be opened.
        StoreVersionError: an extension or the lake does not fit this DuckDB.
    """

    def __init__(self, database: Database, data: str | Path | None) -> None:
        self._database = database
        self._lock = threading.Lock()
        with database.only_one():
            self._data = _data_path(database, data)
            self._connection = self._open()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for one statement or transaction; closing it undoes the rest."""
        try:
            cursor = self._connection.cursor()
        except duckdb.ConnectionException as error:
            raise StoreError(
                f"{self._database.description} is closed; connect to it again."
            ) from error
        with cursor:
            yield cursor

    @contextmanager
    def moment(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A reading transaction whose statements all see one moment of database and lake.

        Raises:
            StoreError: PostgreSQL does not answer.
        """
        used = self._connection
        try:
            cursor = self._begin()
        except duckdb.Error:
            # PostgreSQL was restarted, or the network was: DuckDB keeps its dead connections.
            self._reopen(used)
            try:
                cursor = self._begin()
            except duckdb.Error as error:
                text = self._database.without_secrets(str(error))
                raise StoreError(f"{self._database.description} cannot be read: {text}") from None
        with cursor:
            yield cursor

    def known(self, measurement_ids: Sequence[str]) -> list[str]:
        """Return which of these the lake has.

        Raises:
            StoreError: database or lake cannot be read.
        """
        asked = {
            "low": min(measurement_ids),
            "high": max(measurement_ids),
            "ids": list(measurement_ids),
        }
        try:
            with self.moment() as cursor:
                return [str(found) for (found,) in cursor.execute(_SQL["known"], asked).fetchall()]
        except duckdb.Error as error:
            text = self._database.without_secrets(str(error))
            raise StoreError(f"The lake cannot be read: {text}") from None

    def take(self) -> tuple[int, str] | None:
        """Add to the lake what waits in the database; returns the last arrival and greatest id.

        None if the lake is empty. Only one process at a time may do this.
        """
        with self.cursor() as cursor:
            cursor.begin()
            cursor.execute(_SQL["move"].format(columns=self._columns))
            cursor.commit()
            arrival, newest = cursor.execute(_SQL["moved"]).fetchall()[0]
            return None if arrival is None else (arrival, newest)

    def compact(self) -> None:
        """Merge small files, and drop snapshots and files that nobody reads any more."""
        with self.cursor() as cursor:
            cursor.execute("CHECKPOINT lake")

    def close(self) -> None:
        """Let go of DuckDB."""
        self._connection.close()

    def _begin(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            cursor.execute(_SQL["moment"]).fetchall()
            cursor.execute(_SQL["lake_moment"]).fetchall()
        except BaseException:
            cursor.close()
            raise
        return cursor

    def _reopen(self, used: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._connection is used:
                self._connection = self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        # Set later it would hold for this connection, not for its cursors.
        connection = duckdb.connect(config={"python_enable_replacements": False})
        try:
            for name in EXTENSIONS:
                _load(connection, name)
            if object_storage.is_address(self._data):
                _load(connection, object_storage.EXTENSION)
                object_storage.open_storage(connection, self._data, new=False)
            self._attach(connection)
            self._define(connection)
            connection.execute("SET allowed_directories = [?]", [self._data])
            for name, value in opening.LOCKED_DOWN.items():
                connection.execute(f"SET {name} = {value}")
        except duckdb.Error as error:
            connection.close()
            raise self._explained(error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        url, data = (text.replace("'", "''") for text in (self._database.url, self._data))
        connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY, SCHEMA '{SCHEMA}')")
        connection.execute(
            f"ATTACH 'ducklake:postgres:{url}' AS lake "
            f"(DATA_PATH '{data}', METADATA_SCHEMA '{LAKE_SCHEMA}')"
        )

    def _define(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the lake's table if it is new, and the views that queries see."""
        with opening.open_store(None, read_only=False) as template:
            columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for table, name, kind in template.execute(_SQL["columns"]).fetchall():
                columns[table].append((f'"{name}"', kind))
            views = template.execute(_SQL["views"]).fetchall()
            comments = template.execute(_SQL["comments"]).fetchall()
        measured = columns.pop("measurement")
        self._columns = ", ".join(["arrival", *(name for name, _ in measured)])
        _make_table(connection, [("arrival", "BIGINT"), *measured])
        shown = ", ".join(f"{name}::{kind} AS {name}" for name, kind in measured)
        connection.execute(_SQL["measurement"].format(columns=shown))
        for table in columns.keys() - UNSEEN:
            shown = ", ".join(f"{name}::{kind} AS {name}" for name, kind in columns[table])
            connection.execute(f"CREATE VIEW {table} AS SELECT {shown} FROM pg.{table}")
        for view, sql, comment in views:
            connection.execute(sql)
            comments.append((view, comment))
        for name, comment in comments:
            text = comment.replace("'", "''")
            connection.execute(f"COMMENT ON VIEW {name} IS '{text}'")

    def _explained(self, error: duckdb.Error) -> StoreError:
        text = self._database.without_secrets(str(error))
        if "version" in text and "DuckLake" in text:
            return StoreVersionError(
                f"The lake of {self._database.description} does not fit DuckDB "
                f"{duckdb.__version__}: {text} Nothing was written."
            )
        return StoreError(f"The lake of {self._database.description} cannot be opened: {text}")


def _make_table(connection: duckdb.DuckDBPyConnection, columns: list[tuple[str, str]]) -> None:
    typed = ", ".join(f"{name} {kind}" for name, kind in columns)
    connection.execute(f"CREATE TABLE IF NOT EXISTS lake.measurement ({typed})")
    for option, value in OPTIONS.items():
        connection.execute(f"CALL lake.set_option('{option}', '{value}')")


def check_place(description: str, data: str | Path | None) -> None:
    """Return if ``data`` can take a new lake; its directory is made, a file put into its bucket.

    Raises:
        InvalidInputError: it is None, or no place for one.
        StoreError: its storage cannot be used.
    """
    if data is None:
        raise _no_lake(description)
    place = _located(str(data))
    if not object_storage.is_address(place):
        _make_directory(Path(place))
        return
    with duckdb.connect() as connection:
        _load(connection, object_storage.EXTENSION)
        object_storage.open_storage(connection, place, new=True)


def _no_lake(description: str) -> InvalidInputError:
    return InvalidInputError(
        f"{description} has no lake yet; name a directory for its measurements with --data, one "
        "that every service reaches under the same path, or s3://bucket/prefix."
    )


def _data_path(database: Database, data: str | Path | None) -> str:
    """Return where the lake's files are, or are to be."""
    kept = database.lake_path()
    wanted = None if data is None else _located(str(data))
    if kept is None and wanted is None:
        raise _no_lake(database.description)
    if kept and wanted and kept != wanted:
        raise InvalidInputError(
            f"The measurements of {database.description} are in {kept}, not in {wanted}; leave "
            "out --data, or name that place."
        )
    path = kept or wanted
    assert path is not None
    if not object_storage.is_address(path):
        _make_directory(Path(path))
    return path


def _located(data: str) -> str:
    address = object_storage.normalised(data)
    if object_storage.is_address(address):
        return address
    if ":/" in data:
        raise InvalidInputError(
            f"{data} is neither a directory nor s3://bucket/prefix; the lake keeps its files in "
            "one that every service reaches under the same path."
        )
    return f"{Path(data).expanduser().resolve()}/"


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The directory {path} cannot be made ({error.strerror}); name another with --data."
        ) from error


def check_extensions() -> None:
    """Return if every extension that is installed fits this DuckDB.

    Raises:
        StoreVersionError: one is for another DuckDB.
    """
    for name in (*EXTENSIONS, object_storage.EXTENSION):
        _from_wheel(name)


def _from_wheel(name: str) -> Path | None:
    """Return the file of an extension; None if its wheel is not installed."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "extensions"
    file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.exists():
        wheel = f"duckdb-extension-{name.replace('_', '-')}"
        built_for = ", ".join(sorted(path.name for path in folder.iterdir())) or "no DuckDB"
        raise StoreVersionError(
            f"{wheel} was built for DuckDB {built_for}, and this is v{duckdb.__version__}; "
            f"pip install {wheel}=={duckdb.__version__}. Nothing was written."
        )
    return file


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension from its wheel, else from DuckDB's own repository.

    Raises:
        StoreError: neither has it.
    """
    file = _from_wheel(name)
    try:
        if file is None:
            connection.execute(f"INSTALL {name}")
        what = name if file is None else str(file).replace("'", "''")
        connection.execute(f"LOAD '{what}'")
    except duckdb.Error as error:
        raise StoreError(
            f"DuckDB's extension {name} cannot be loaded: {error} "
            "pip install 'latbase[postgresql]' brings what fits."
        ) from error


_SQL = statements("ducklake")

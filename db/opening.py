"""Open a DuckDB file as a store: check what it is, bring its schema up to date, lock it down."""

import re
from importlib.resources import files
from pathlib import Path

import duckdb

from latbase.errors import StoreBusyError, StoreError, StoreVersionError

STORAGE = "v1.0.0"
"""Files are written so that DuckDB 1.5 and 2.x can read them."""


def open_store(path: Path | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open, check and migrate the store at ``path`` (None: in memory).

    Raises:
        StoreError: the path cannot be a store; the message says why and what to do.
        StoreBusyError: another process writes to it.
        StoreVersionError: it was written by a newer latbase or DuckDB.
    """
    if path is not None:
        _check_path(path, read_only=read_only)
    connection = _open(path, read_only=read_only)
    try:
        _migrate(connection, path, read_only=read_only)
        # Whatever runs later may touch no other file and change no setting.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise StoreError(f"{path} is damaged or cannot be used: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise StoreError(
            f"{path} is a directory; name a file inside it, e.g. {path}/latency.duckdb."
        )
    if path.exists():
        return
    if read_only:
        raise StoreError(
            f"There is no store at {path} yet; latbase quickstart or latbase profile makes one, "
            "or name another with --store."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The directory {path.parent} of the store cannot be made ({error.strerror}); "
            "name another place with --store or LATBASE_STORE."
        ) from error


def _open(path: Path | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        if read_only:
            return duckdb.connect(str(path), read_only=True)
        return duckdb.connect(
            str(path or ":memory:"), config={"storage_compatibility_version": STORAGE}
        )
    except duckdb.Error as error:
        raise _explained(path, str(error)) from error


def _explained(path: Path | None, text: str) -> StoreError:
    if "Could not set lock" in text or "lock" in text.lower():
        holder = re.search(r"PID (\d+)", text)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreBusyError(
            f"The store {path} is in use by {who}; wait for it to finish, or stop it."
        )
    if "newer version" in text or "version number" in text:
        return StoreVersionError(
            f"{path} was written by a newer DuckDB than {duckdb.__version__}; "
            "upgrade duckdb, then try again."
        )
    if "not a valid DuckDB database" in text:
        return StoreError(
            f"{path} is no latency store: it is not a DuckDB database. Name another file."
        )
    return StoreError(f"The store {path} cannot be opened: {text}")


def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations as (version, SQL), in order."""
    folder = files("latbase.db") / "migrations"
    found = [(int(entry.name[:4]), entry.read_text()) for entry in folder.iterdir()]
    return sorted(found)


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path | None, *, read_only: bool) -> None:
    known, done = migrations(), _version(connection, path)
    newest = known[-1][0]
    if done > newest:
        raise StoreVersionError(
            f"{path} has schema version {done}, written by a newer latbase; "
            f"this one knows up to {newest}. Upgrade latbase, then try again."
        )
    if done == newest:
        return
    if read_only:
        raise StoreVersionError(
            f"{path} has schema version {done} and must be brought to {newest}: "
            "open it once for writing, e.g. with latbase configs."
        )
    connection.begin()
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, "
        "applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    for version, sql in known:
        if version > done:
            connection.execute(sql)
            connection.execute("INSERT INTO schema_version (version) VALUES (?)", [version])
    connection.commit()


def _version(connection: duckdb.DuckDBPyConnection, path: Path | None) -> int:
    tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    if not tables:
        return 0
    if "schema_version" not in tables:
        raise StoreError(
            f"{path} is a DuckDB database but no latency store (it has the tables "
            f"{', '.join(sorted(tables)[:5])}). Name another file."
        )
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0

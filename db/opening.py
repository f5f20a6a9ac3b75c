"""Open a DuckDB file as a store: check what it is, bring its schema up to date, lock it down.

Nothing here opens the database file except DuckDB: on Linux, closing any handle of it in this
process would drop the lock that keeps other processes out.
"""

import re
from importlib.resources import files
from pathlib import Path

import duckdb

from latbase.errors import StoreBusyError, StoreError, StoreVersionError

STORAGE = "v1.5.0"
"""Files are written in the format of this DuckDB, which 2.x reads and writes too."""

SCHEMA_VERSION = """
CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)"""
"""Records the migrations applied, so it comes before the first."""

LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
}
"""No statement, ours or a user's, touches other files, Python's variables or settings."""

ADJUSTABLE: dict[str, str | bool | int | float | list[str]] = {
    "allowed_configs": ["streaming_buffer_size"]
}
"""What a cursor may still set: DuckDB takes it from cursors only."""


def open_store(path: Path | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open, check and migrate the store at ``path`` (None: in memory).

    Raises:
        StoreError: the path cannot be a store; the message says why and what to do.
        StoreBusyError: another process owns it.
        StoreVersionError: it was written by a newer latbase or DuckDB.
    """
    if path is not None:
        _check_path(path, read_only=read_only)
    connection = _open(path, read_only=read_only)
    try:
        _bring_up_to_date(connection, path, read_only=read_only)
    except duckdb.Error as error:
        connection.close()
        raise _explained(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations as (version, SQL), in order."""
    folder = files("latbase.db") / "migrations"
    return sorted(
        (int(entry.name[:4]), entry.read_text())
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )


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
    storage = {} if read_only else {"storage_compatibility_version": STORAGE}
    is_new = path is not None and not path.exists()
    try:
        return duckdb.connect(
            str(path or ":memory:"), read_only=read_only, config=LOCKED_DOWN | ADJUSTABLE | storage
        )
    except duckdb.Error as error:
        if path is not None and is_new and NO_SPACE in str(error):
            path.unlink(missing_ok=True)  # half a header, which nothing could open
        raise _explained(path, error) from error


def _explained(path: Path | None, error: duckdb.Error) -> StoreError:
    text = str(error)
    if "Could not set lock" in text:
        holder = re.search(r"PID (\d+)", text)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreBusyError(
            f"The store {path} is in use by {who}; wait for it to finish, or stop it."
        )
    if "different configuration than existing connections" in text:
        return StoreBusyError(
            f"The store {path} is already open in this process, in another mode; close it first."
        )
    if "with version number" in text or "newer version of DuckDB" in text:
        return StoreVersionError(
            f"{path} was written by a newer DuckDB than {duckdb.__version__}; upgrade duckdb, "
            "then try again."
        )
    for sign, meaning in _MEANINGS.items():
        if sign in text:
            return StoreError(f"{path} {meaning}")
    return StoreError(f"The store {path} cannot be opened: {text}")


NO_SPACE = "No space left"

_MEANINGS = {
    NO_SPACE: "cannot be written: its disk is full. Make room, then run the same again.",
    "not a valid DuckDB": "is no latency store: it is not a DuckDB database. Name another file.",
    # DuckDB recognises SQLite and asks for an extension to read it.
    "Loading external extensions": (
        "is no latency store: it is a database of another kind. Name another file."
    ),
    "Permission denied": (
        "cannot be opened: permission denied. Name another place with --store or LATBASE_STORE."
    ),
    "Read-only file system": (
        "cannot be written: its file system is read-only. Name another place with --store or "
        "LATBASE_STORE."
    ),
    "No such file": (
        "cannot be made: its directory takes no files. Name another place with --store or "
        "LATBASE_STORE."
    ),
    "Corrupt database": "is damaged: its checksums do not agree. Restore it from a backup.",
    "Could not read enough": "is damaged: it ends too early. Restore it from a backup.",
}
"""What DuckDB's errors on opening mean to a user."""


def _bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, path: Path | None, *, read_only: bool
) -> None:
    known, done = migrations(), _version(connection, path)
    newest = known[-1][0]
    if done > newest:
        raise StoreVersionError(
            f"{path} has schema version {done}, written by a newer latbase; this one knows up to "
            f"{newest}. Upgrade latbase, then try again."
        )
    if done == newest:
        return
    if read_only:
        raise StoreVersionError(
            f"{path} has schema version {done} and must be brought to {newest}: open it once for "
            "writing, e.g. with latbase profile."
        )
    connection.begin()
    connection.execute(SCHEMA_VERSION)
    for version, sql in known:
        if version > done:
            connection.execute(sql)
            connection.execute("INSERT INTO schema_version (version) VALUES (?)", [version])
    connection.commit()


def _version(connection: duckdb.DuckDBPyConnection, path: Path | None) -> int:
    tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    if not tables:
        return 0
    if not {"schema_version", "measurement"} <= tables:
        raise StoreError(
            f"{path} is a DuckDB database but no latency store (it has the tables "
            f"{', '.join(sorted(tables)[:5])}). Name another file."
        )
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0

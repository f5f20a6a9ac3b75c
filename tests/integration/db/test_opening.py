"""What connect() makes of paths that are, are not or cannot be a store."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from latbase.db import connect, opening
from latbase.errors import StoreBusyError, StoreError, StoreVersionError
from tests.integration.db.samples import World

WRITER = """
import sys
from latbase.db import connect
from tests.integration.db.samples import World
world = World()
with connect(sys.argv[1]) as store:
    store.write(world.base(1))
    print("open", flush=True)
    for line in sys.stdin:
        store.write([world.measurement() for _ in range(5)])
        print("acknowledged", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.duckdb"


def writer(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_missing_directories_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "latency.duckdb"
    connect(target).close()
    assert target.exists()


def test_reading_what_is_not_there_says_how_to_make_it(path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at .* latbase quickstart"):
        connect(path, read_only=True)
    assert not path.exists()


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory; name a file inside"):
        connect(tmp_path)


def test_a_text_file_is_no_store(path: Path) -> None:
    path.write_text("subnet,latency\n" * 1000)
    with pytest.raises(StoreError, match="not a DuckDB database"):
        connect(path)


def test_an_empty_file_is_no_store(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="not a DuckDB database"):
        connect(path)


def test_an_sqlite_file_is_no_store(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE a (b)")
    database.close()
    with pytest.raises(StoreError, match="database of another kind"):
        connect(path)


def test_somebody_elses_duckdb_file_is_no_store_and_is_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE sales (amount INTEGER)")
    with pytest.raises(StoreError, match=r"no latency store \(it has the tables sales"):
        connect(path)
    with duckdb.connect(str(path)) as database:
        assert database.execute("SHOW TABLES").fetchall() == [("sales",)]


def test_a_newer_schema_asks_for_a_newer_latbase(path: Path) -> None:
    connect(path).close()
    with duckdb.connect(str(path)) as database:
        database.execute("INSERT INTO schema_version (version) VALUES (9999)")
    with pytest.raises(StoreVersionError, match=r"schema version 9999.*Upgrade latbase"):
        connect(path)


def test_a_newer_duckdb_format_asks_for_a_newer_duckdb(path: Path) -> None:
    error = duckdb.IOException(
        "Trying to read a database file with version number 99, but we can only read versions "
        "between 64 and 67."
    )
    assert isinstance(opening._explained(path, error), StoreVersionError)


def test_a_truncated_file_is_called_damaged(path: Path) -> None:
    world = World()
    with connect(path) as store:
        store.write(world.base(3000))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(StoreError, match=r"damaged|cannot be read"), connect(path) as store:
        store.query("SELECT max(config) FROM subnet")


def test_a_flipped_block_is_called_damaged(path: Path) -> None:
    connect(path).close()
    content = bytearray(path.read_bytes())
    content[12288 + 200 : 12288 + 400] = b"x" * 200
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged: its checksums"):
        connect(path)


def test_a_path_where_nothing_can_be_made() -> None:
    with pytest.raises(StoreError, match=r"directory /proc/latbase .*cannot be made"):
        connect("/proc/latbase/latency.duckdb")
    with pytest.raises(StoreError, match="cannot be made: its directory takes no files"):
        connect("/proc/latency.duckdb")


def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk: writing beyond it fails the same way."""
    script = """
import resource, signal, sys
from latbase.db import connect
from latbase.errors import StoreError
from tests.integration.db.samples import World
world = World()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with connect(sys.argv[1]) as store:
    store.write(world.base(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))
done = 0
try:
    with connect(sys.argv[1]) as store:
        for _ in range(10_000):
            store.write([world.measurement() for _ in range(2000)])
            done += 2000
except StoreError as error:
    print(done, error)
"""
    target = tmp_path / "latency.duckdb"
    outcome = subprocess.run(
        [sys.executable, "-c", script, target],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    acknowledged, _, message = outcome.stdout.partition(" ")
    assert "could not be written" in message
    with connect(target) as store:
        found = store.query("SELECT count(*) AS n FROM measurement")["n"][0].as_py()
    assert found == int(acknowledged) > 0


def test_a_busy_file_names_its_owner(path: Path) -> None:
    process = writer(path)
    try:
        for read_only in (True, False):
            with pytest.raises(StoreBusyError, match=f"in use by process {process.pid}"):
                connect(path, read_only=read_only)
    finally:
        process.communicate()


def test_a_query_cannot_drop_the_lock_of_its_own_store(path: Path) -> None:
    """Linux drops a file's locks when any handle of it closes, so no query may open the file."""
    with connect(path) as store:
        for function in ("read_blob", "read_text", "read_csv", "read_duckdb"):
            with pytest.raises(StoreError):
                store.query(f"SELECT * FROM {function}('{path}')")
        with pytest.raises(StoreError):
            store.query(f"SELECT * FROM '{path}'")
        other = subprocess.run(
            [sys.executable, "-c", f"import duckdb; duckdb.connect({str(path)!r})"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert "Could not set lock" in other.stderr


def test_one_process_may_open_a_file_twice(path: Path) -> None:
    world = World()
    with connect(path) as first, connect(path) as second:
        first.write(world.base())
        second.write([world.measurement()])
        assert first.query("FROM latency").num_rows == 1


def test_a_killed_writer_loses_nothing_acknowledged(path: Path) -> None:
    process = writer(path)
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(4):
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "acknowledged\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    with connect(path, read_only=True) as store:
        measurements = store.query("SELECT count(*) AS n FROM measurement")["n"][0].as_py()
        (row,) = store.query("FROM coverage").to_pylist()
    assert measurements in (20, 25)
    assert row["measurements"] == measurements


def test_closing_twice_is_harmless_and_a_closed_store_says_so(path: Path) -> None:
    store = connect(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.query("SELECT 1")


def test_a_store_opened_for_reading_does_not_write(path: Path) -> None:
    connect(path).close()
    with (
        connect(path, read_only=True) as store,
        pytest.raises(StoreError, match="opened for reading only"),
    ):
        store.write(World().base())


def test_a_copied_store_is_a_store(path: Path, tmp_path: Path) -> None:
    with connect(path) as store:
        store.write(World().base())
    shutil.copy(path, tmp_path / "copy.duckdb")
    with connect(tmp_path / "copy.duckdb", read_only=True) as store:
        assert store.query("FROM subnet").num_rows == 3

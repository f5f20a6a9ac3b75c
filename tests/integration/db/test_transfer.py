"""Moving records: export and import, merge, backup, check, restore; over any kind of store."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from latbase.db import Store, connect, rows, transfer, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.records import Configuration, SearchStatus, Supernet
from latbase.db.service.running import Service
from latbase.db.tokens import Role
from latbase.errors import InvalidInputError, StoreBusyError, StoreError
from tests.integration.db.samples import World

WORLD = World()
OTHER = World(supernet=Supernet.of("other", {"depth": [5]}))


def fill(store: Store) -> None:
    store.write(
        [
            *WORLD.base(10),
            *[WORLD.measurement(number) for number in range(10)],
            WORLD.measurement(0, verdict="disturbed"),
            WORLD.search(),
            *[WORLD.evaluation(position) for position in range(5)],
            *OTHER.base(4),
            OTHER.measurement(3),
        ]
    )


def contents(store: Store) -> dict[str, list[str]]:
    tables = [table.name for table in rows.TABLES] + ["newest", "tally"]
    return {name: sorted(map(str, store.query(f"FROM {name}").to_pylist())) for name in tables}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAGE_ROWS", 3)


@pytest.mark.usefixtures("small_pages")
def test_an_export_imports_as_the_same_store(store: Store, tmp_path: Path) -> None:
    fill(store)
    counts = transfer.export(store, tmp_path / "out")
    assert counts["measurement"] == 12
    with connect(":memory:") as copy:
        assert transfer.import_directory(copy, tmp_path / "out") == counts
        assert contents(copy) == contents(store)
        transfer.import_directory(copy, tmp_path / "out")
        assert contents(copy) == contents(store)


def test_a_filtered_export_stands_on_its_own(store: Store, tmp_path: Path) -> None:
    fill(store)
    keep = transfer.Filter(supernet_ids=[OTHER.supernet.supernet_id])
    counts = transfer.export(store, tmp_path / "one", keep)
    assert (counts["supernet"], counts["subnet"], counts["measurement"]) == (1, 4, 1)
    assert (counts["search"], counts["evaluation"]) == (0, 0)
    elsewhere = transfer.Filter(configuration_ids=["elsewhere"])
    assert transfer.export(store, tmp_path / "none", elsewhere)["measurement"] == 0
    with connect(":memory:") as copy:
        transfer.import_directory(copy, tmp_path / "one")
        assert upkeep.check(copy) == []


def test_an_export_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InvalidInputError, match="is not empty"):
        transfer.export(store, tmp_path)


def test_what_is_no_export_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no exported store"):
        transfer.import_directory(store, tmp_path)
    fill(store)
    out = tmp_path / "out"
    transfer.export(store, out)
    pq.write_table(pa.table({"a": [1]}), out / "hardware.parquet")
    with pytest.raises(InvalidInputError, match="not what latbase export writes"):
        transfer.import_directory(store, out)
    (out / "measurement.parquet").unlink()
    with connect(":memory:") as copy:
        with pytest.raises(InvalidInputError, match=r"part of one: it lacks measurement\.parquet"):
            transfer.import_directory(copy, out)
        assert set(map(len, contents(copy).values())) == {0}


@pytest.mark.usefixtures("small_pages")
def test_merging_is_a_union(store: Store) -> None:
    shared = WORLD.measurement(1)
    found = [WORLD.evaluation(position) for position in range(5)]
    store.write([*WORLD.base(5), shared, WORLD.search(SearchStatus.FINISHED), *found])
    elsewhere = Configuration.of(hardware_id=WORLD.hardware.hardware_id, threads=2)
    with connect(":memory:") as other:
        fill(other)
        other.write(
            [
                shared,
                elsewhere,
                replace(WORLD.measurement(2), configuration_id=elsewhere.configuration_id),
            ]
        )
        transfer.merge(store, other)
        merged = contents(store)
        transfer.merge(store, other)
    assert contents(store) == merged
    assert len(merged["measurement"]) == 14
    assert len(merged["evaluation"]) == 5
    assert upkeep.check(store) == []
    status = store.query("SELECT status FROM search")["status"].to_pylist()
    assert status == ["finished"], "the source is no further"


def test_a_backup_taken_while_others_write_is_a_store(tmp_path: Path) -> None:
    with connect(tmp_path / "latency.duckdb") as store:
        fill(store)
        store.tokens.create("me", Role.READER)
        store.backup(tmp_path / "backup.duckdb")
        store.write([WORLD.measurement(5)])
        with pytest.raises(StoreBusyError), connect_elsewhere(tmp_path / "latency.duckdb"):
            pass
        with pytest.raises(InvalidInputError, match="exists already"):
            store.backup(tmp_path / "backup.duckdb")
    with connect(tmp_path / "backup.duckdb", read_only=True) as backup:
        assert backup.query("SELECT count(*) AS n FROM measurement")["n"].to_pylist() == [12]
        assert [token.name for token in backup.tokens.all()] == ["me"]
        assert upkeep.check(backup) == []


def connect_elsewhere(path: Path) -> Store:
    """Open from another process, which alone sees whether the lock is still held."""
    code = f"import duckdb; duckdb.connect({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Could not set lock" in done.stderr
    raise StoreBusyError(done.stderr)


def test_a_service_hands_out_backups(service: Service, tmp_path: Path) -> None:
    with connect(service.url) as store:
        fill(store)
        store.backup(tmp_path / "backup.duckdb")
        with connect(tmp_path / "backup.duckdb", read_only=True) as backup:
            assert contents(backup) == contents(store)


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        (
            "DELETE FROM newest WHERE subnet_id = (SELECT min(subnet_id) FROM newest)",
            "newest disag",
        ),
        ("UPDATE tally SET stable = stable + 1", "tally disagree"),
        ("INSERT INTO measurement FROM measurement", "more than once"),
        ("DELETE FROM environment", "name a environment that is not there"),
    ],
)
def test_check_says_what_is_wrong(tmp_path: Path, sabotage: str, words: str) -> None:
    path = tmp_path / "latency.duckdb"
    with connect(path) as store:
        fill(store)
        assert upkeep.check(store) == []
    with duckdb.connect(str(path)) as database:
        database.execute(sabotage)
    with connect(path) as store:
        assert any(words in problem for problem in upkeep.check(store))


def test_restore_puts_a_backup_in_place_and_keeps_what_was_there(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    with connect(path) as store:
        fill(store)
        store.backup(backup)
        store.write([WORLD.measurement(5)])
        with pytest.raises(StoreError, match=r"in use|already open"):
            upkeep.restore(backup, path)
    kept = upkeep.restore(backup, path)
    assert kept is not None
    counts = []
    for each in (path, kept):
        with connect(each) as store:
            counts.append(store.query("SELECT count(*) AS n FROM measurement")["n"][0].as_py())
    assert counts == [12, 13]


def test_restore_replaces_a_damaged_store(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    with connect(path) as store:
        fill(store)
        store.backup(backup)
    path.write_bytes(path.read_bytes()[:5000] + b"x" * 5000)
    upkeep.restore(backup, path)
    with connect(path) as store:
        assert upkeep.check(store) == []


def measured(path: Path) -> int:
    with connect(path, read_only=True) as store:
        return int(store.query("SELECT count(*) AS n FROM measurement")["n"][0].as_py())


def test_no_restore_replaces_what_another_kept(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    with connect(backup) as store:
        store.write(WORLD.base())
    with connect(path) as store:
        fill(store)
    first, second = (upkeep.restore(backup, path) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == (
        "latency.duckdb.before-restore",
        "latency.duckdb.before-restore-2",
    )
    assert (measured(first), measured(second), measured(path)) == (12, 0, 0)


def killed_while_writing(path: Path) -> None:
    """Leave a store whose last writes are in its log only."""
    code = f"""
import os, pathlib
from latbase.db import connect
from tests.integration.db.test_transfer import fill
store = connect(pathlib.Path({str(path)!r}))
fill(store)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.with_name(f"{path.name}.wal").exists()


def test_a_backup_with_a_log_is_restored_with_it(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    killed_while_writing(backup)
    assert upkeep.restore(backup, path) is None
    assert measured(path) == measured(backup) == 12
    assert {each.name for each in tmp_path.iterdir()} == {
        "latency.duckdb",
        "backup.duckdb",
        "backup.duckdb.wal",
    }


def test_the_log_of_a_store_that_is_gone_is_set_aside(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    with connect(backup) as store:
        fill(store)
    killed_while_writing(path)
    path.unlink()
    kept = upkeep.restore(backup, path)
    assert kept is not None
    assert kept.name == "latency.duckdb.before-restore.wal"
    assert measured(path) == 12


def test_a_damaged_backup_replaces_nothing(tmp_path: Path) -> None:
    path, backup = tmp_path / "latency.duckdb", tmp_path / "backup.duckdb"
    with connect(path) as store:
        fill(store)
        store.backup(backup)
    with duckdb.connect(str(backup)) as database:
        database.execute("DELETE FROM environment")
    with pytest.raises(StoreError, match=r"is damaged: .* Take another backup"):
        upkeep.restore(backup, path)
    assert measured(path) == 12
    assert {each.name for each in tmp_path.iterdir()} == {path.name, backup.name}


def test_a_backup_waits_for_who_is_writing(tmp_path: Path) -> None:
    """Its file and log would be of different moments otherwise."""
    backup = tmp_path / "backup.duckdb"
    with DuckDbStore(tmp_path / "latency.duckdb") as store, ThreadPoolExecutor(1) as pool:
        with store.transaction() as cursor:
            copying = pool.submit(store.backup, backup)
            with pytest.raises(TimeoutError):
                copying.result(timeout=0.5)
            cursor.execute("INSERT INTO hardware VALUES ('late', '{}')")
        copying.result()
    with connect(backup, read_only=True) as copy:
        assert copy.query("FROM hardware").num_rows == 1

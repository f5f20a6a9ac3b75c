"""A full or read-only disk under the store: one sentence, and nothing acknowledged is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latbase.db import Store, connect, transfer, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
from latbase.errors import InvalidInputError, StoreError
from tests.integration.db.samples import World
from tests.integration.disks import SmallDisk, small_disk

WORLD = World()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4) as mounted:
        yield mounted


def write_on(store: Store, acknowledged: set[str]) -> None:
    """Write until the store refuses; says what it took."""
    while True:
        batch = [WORLD.measurement(number % 3) for number in range(50)]
        store.write(batch)
        acknowledged.update(each.measurement_id for each in batch)


def test_what_was_acknowledged_outlives_a_full_disk(disk: SmallDisk) -> None:
    path = disk.folder / "latency.duckdb"
    with DuckDbStore(path) as owned, Service(owned) as service, connect(service.url) as store:
        store.write(WORLD.base())
        disk.fill()
        acknowledged: set[str] = set()
        with pytest.raises(StoreError, match=r"No space left on device.*Nothing was written"):
            write_on(store, acknowledged)
        assert store.query("FROM measurement").num_rows == len(acknowledged)
        disk.make_room()
        last = WORLD.measurement()
        store.write([last])
    with DuckDbStore(path) as again:
        found = again.query("SELECT measurement_id::VARCHAR AS id FROM measurement")["id"]
        assert sorted(found.to_pylist()) == sorted({*acknowledged, last.measurement_id})


def test_a_store_that_found_no_room_can_be_made_later(disk: SmallDisk) -> None:
    path = disk.folder / "latency.duckdb"
    disk.fill()
    with pytest.raises(StoreError, match="its disk is full"):
        connect(path)
    disk.make_room()
    connect(path).close()


def test_a_read_only_disk_can_be_read(disk: SmallDisk) -> None:
    path = disk.folder / "latency.duckdb"
    with connect(path) as store:
        store.write(WORLD.base())
    disk.forbid_writing()
    with connect(path, read_only=True) as store:
        assert store.query("FROM subnet").num_rows == 3
    with pytest.raises(StoreError, match="its file system is read-only"):
        connect(path)
    with pytest.raises(StoreError, match="its file system is read-only"):
        connect(disk.folder / "new.duckdb")


def test_a_copy_that_finds_no_room_leaves_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    path, target = tmp_path / "latency.duckdb", disk.folder / "copy"
    with DuckDbStore(path) as owned, Service(owned) as service, connect(service.url) as served:
        owned.write(WORLD.base())
        owned.write([WORLD.measurement(number % 3) for number in range(200)])
        owned.backup(tmp_path / "backup.duckdb")
        disk.fill()
        copies: list[Callable[[], object]] = [
            lambda: owned.backup(target),
            lambda: served.backup(target),
            lambda: upkeep.restore(tmp_path / "backup.duckdb", target),
        ]
        for copy in copies:
            with pytest.raises(InvalidInputError, match=r"copy cannot be written .No space left"):
                copy()
        with pytest.raises(OSError, match="No space left"):
            transfer.export(owned, target)
        assert not any(target.iterdir())
        disk.make_room()
        assert transfer.export(owned, target)["measurement"] == 200
        copies[0] = lambda: owned.backup(disk.folder / "backup.duckdb")
        copies[0]()
    assert {each.name for each in disk.folder.iterdir()} == {"copy", "backup.duckdb"}

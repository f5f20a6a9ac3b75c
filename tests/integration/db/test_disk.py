"""A full or read-only disk under the store: one sentence, and nothing acknowledged is lost."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latbase.db import Store, connect, transfer, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import new_id
from latbase.db.service.running import Service
from latbase.db.tokens import Role
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


LARGE = dataclasses.replace(WORLD.measurement(), samples=tuple(n / 7 for n in range(400)))
"""Two hundred of these are a third of a megabyte."""


def write_to_the_checkpoint(store: Store, acknowledged: set[str]) -> None:
    """Write past the 16 MB of log at which DuckDB makes a checkpoint; says what was taken."""
    while len(acknowledged) < 10_000:
        batch = [dataclasses.replace(LARGE, measurement_id=new_id()) for _ in range(200)]
        store.write(batch)
        acknowledged.update(each.measurement_id for each in batch)


def ids(store: Store) -> set[str]:
    """Return the measurements in ``store``."""
    found = store.query("SELECT measurement_id::VARCHAR AS id FROM measurement")["id"]
    return {str(each) for each in found.to_pylist()}


@pytest.mark.parametrize("served", [False, True])
def test_a_disk_full_at_a_checkpoint_is_overcome(tmp_path: Path, *, served: bool) -> None:
    with small_disk(tmp_path / "disk", 48) as disk:
        (disk.folder / "ballast").write_bytes(b"\0" * 20 * 2**20)
        path = disk.folder / "latency.duckdb"
        with (
            DuckDbStore(path) as owned,
            Service(owned) as service,
            connect(service.url, token=service.bearer) as far,
        ):
            store: Store = far if served else owned
            bearer = owned.tokens.create("host", Role.HOST).bearer
            store.write(WORLD.base())
            acknowledged: set[str] = set()
            with pytest.raises(StoreError, match=r"(?s)FATAL.*No space left.*run the same again"):
                write_to_the_checkpoint(store, acknowledged)
            disk.make_room()
            assert ids(store) >= acknowledged
            assert owned.tokens.role_of(bearer) is Role.HOST
            store.write([WORLD.measurement()])
            assert len(ids(store)) > len(acknowledged)
        with DuckDbStore(path) as again:
            assert ids(again) >= acknowledged
            assert not upkeep.check(again)


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
        with pytest.raises(InvalidInputError, match="No space left"):
            transfer.export(owned, target)
        assert not target.exists()
        disk.make_room()
        assert transfer.export(owned, target)["measurement"] == 200
        copies[0] = lambda: owned.backup(disk.folder / "backup.duckdb")
        copies[0]()
    assert {each.name for each in disk.folder.iterdir()} == {"copy", "backup.duckdb"}

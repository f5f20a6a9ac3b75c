"""Export, import and merge under trouble: others write, a process is killed, pages are large."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from latbase.db import Store, connect, rows, transfer, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import new_id
from latbase.db.records import SearchStatus
from latbase.db.service.running import Service
from latbase.db.store import Parameters
from latbase.errors import InvalidInputError
from tests.integration.db.samples import World

WORLD = World()


class BusyStore(DuckDbStore):
    """One to which a client writes a new sub-network, and its measurement, before every answer."""

    newest = 3

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        self.write([WORLD.subnet(self.newest), WORLD.measurement(self.newest)])
        self.newest += 1
        return super().query(sql, parameters, max_rows=max_rows, timeout_s=timeout_s)


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[BusyStore]:
    with BusyStore(tmp_path / "busy.duckdb") as store:
        store.write([*WORLD.base(), *(WORLD.measurement(number) for number in range(3))])
        yield store


def count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def test_an_export_of_a_busy_store_is_whole(busy: BusyStore, tmp_path: Path) -> None:
    transfer.export(busy, tmp_path / "out")
    with connect(":memory:") as store:
        transfer.import_directory(store, tmp_path / "out")
        assert count(store, "measurement") >= 3
        assert upkeep.check(store) == []


def test_a_merge_of_a_busy_store_leaves_the_newest_for_the_next(
    busy: BusyStore, store: Store
) -> None:
    transfer.merge(store, busy)
    assert 3 <= count(store, "measurement") < busy.newest
    assert upkeep.check(store) == []
    written = busy.newest
    transfer.merge(store, busy)
    assert count(store, "measurement") >= written


def test_a_killed_export_leaves_nothing_that_imports(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal
from latbase.db import transfer
from tests.integration.db.test_transfer_meanwhile import BusyStore, WORLD

class Killed(BusyStore):
    def query(self, sql, *parameters, **options):
        if "FROM measurement" in sql:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().query(sql, *parameters, **options)

folder = pathlib.Path({str(tmp_path)!r})
with Killed(folder / "killed.duckdb") as store:
    store.write(WORLD.base())
    transfer.export(store, folder / "out")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "out").exists()
    (draft,) = tmp_path.glob("out.*/out")
    with (
        connect(":memory:") as store,
        pytest.raises(InvalidInputError, match=r"a part of one: it lacks .*subnet\.parquet"),
    ):
        transfer.import_directory(store, draft)


def test_large_measurements_go_to_a_service_in_pieces(service: Service, tmp_path: Path) -> None:
    """More than a service takes at once, and fewer than the rows of a page."""
    table = rows.BY_NAME["measurement"]
    with DuckDbStore(tmp_path / "large.duckdb") as source, connect(service.url) as target:
        source.write(WORLD.base())
        samples = tuple(float(number) for number in range(2_000))
        ((_, one),) = rows.batches([replace(WORLD.measurement(), samples=samples)])
        many = one.take([0] * 4_500).set_column(
            0, "measurement_id", pa.array([new_id() for _ in range(4_500)])
        )
        source.write_rows([(table, many)])
        transfer.merge(target, source)
        assert count(target, "measurement") == 4_500


def test_a_search_that_went_on_is_taken_whole(store: Store, tmp_path: Path) -> None:
    first, second = WORLD.evaluation(0, on_front=True), WORLD.evaluation(1, on_front=True)
    with connect(":memory:") as source:
        source.write([*WORLD.base(), WORLD.search(), first])
        transfer.merge(store, source)
        source.write([WORLD.search(SearchStatus.FINISHED), replace(first, on_front=False), second])
        transfer.export(source, tmp_path / "later")
        transfer.merge(store, source)
        for _ in range(2):
            assert store.query("SELECT status FROM search")["status"].to_pylist() == ["finished"]
            front = store.query('SELECT "values" FROM front')["values"].to_pylist()
            assert front == [list(second.values)]
            store.write([WORLD.search(), first])  # as it was
            transfer.import_directory(store, tmp_path / "later")


def test_a_search_that_is_further_here_stays(store: Store) -> None:
    with connect(":memory:") as source:
        source.write([*WORLD.base(), WORLD.search(), WORLD.evaluation(0, on_front=True)])
        store.write(
            [
                *WORLD.base(),
                WORLD.search(SearchStatus.STOPPED),
                WORLD.evaluation(0),
                WORLD.evaluation(1, on_front=True),
            ]
        )
        transfer.merge(store, source)
    assert store.query("SELECT status FROM search")["status"].to_pylist() == ["stopped"]
    assert count(store, "front") == 1

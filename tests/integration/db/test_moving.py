"""Moving a store to PostgreSQL and back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latbase import settings
from latbase.cli.migrate import migrate
from latbase.db import Store, connect, moving, rows, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.postgres_store import PostgresStore
from latbase.db.records import SearchStatus
from latbase.db.service.running import Service
from latbase.errors import StoreError
from tests.integration.db.cluster import Cluster
from tests.integration.db.samples import NOON, World

WORLD = World()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[DuckDbStore]:
    with DuckDbStore(tmp_path / "old.duckdb") as store:
        measured = [WORLD.measurement(number, value=0.1 + number) for number in range(50)]
        found = [WORLD.evaluation(position) for position in range(20)]
        store.write([*WORLD.base(50), *measured, WORLD.search(), *found])
        yield store


def counts(store: Store) -> dict[str, int]:
    return {
        table.name: int(store.query(f"SELECT count(*) AS n FROM {table.name}")["n"][0].as_py())
        for table in rows.TABLES
    }


def test_everything_arrives_and_a_repeat_changes_nothing(
    source: DuckDbStore, postgres_store: PostgresStore
) -> None:
    first = list(moving.move(source, postgres_store))
    postgres_store.move()
    assert list(moving.move(source, postgres_store)) == first
    assert {moved.table: moved.rows for moved in first} == counts(source)
    assert counts(postgres_store) == counts(source)
    order = "ORDER BY measurement_id"
    assert postgres_store.query(f"FROM measurement {order}").equals(
        source.query(f"FROM measurement {order}")
    )
    assert (
        postgres_store.query("FROM coverage").to_pylist()
        == source.query("FROM coverage").to_pylist()
    )
    assert upkeep.check(postgres_store) == []


def test_an_interrupted_move_goes_on_and_takes_what_changed(
    source: DuckDbStore, postgres_store: PostgresStore
) -> None:
    for moved in moving.move(source, postgres_store):
        if moved.table == "search":
            break
    source.write([WORLD.search(SearchStatus.FINISHED), WORLD.measurement(0, minutes=1)])
    postgres_store.write(
        [replace(WORLD.host, seen_at=NOON.replace(year=2027), latbase_version="9")]
    )
    list(moving.move(source, postgres_store))
    assert counts(postgres_store) == counts(source)
    assert postgres_store.query("SELECT status FROM search")["status"].to_pylist() == ["finished"]
    assert postgres_store.query("SELECT latbase_version AS v FROM host")["v"].to_pylist() == ["9"]


def test_a_row_that_differs_is_said(source: DuckDbStore, postgres_store: PostgresStore) -> None:
    """Its content decides a sub-network's id, so that is damage, and is not overwritten."""
    damaged = replace(WORLD.subnet(0), genotype=(9, 9))
    postgres_store.write([*WORLD.base(0), damaged])
    with pytest.raises(StoreError, match="rows of subnet are not the same"):
        list(moving.move(source, postgres_store))


def test_a_backup_is_a_store_of_its_own(
    source: DuckDbStore, postgres_store: PostgresStore, tmp_path: Path
) -> None:
    list(moving.move(source, postgres_store))
    postgres_store.backup(tmp_path / "backup.duckdb")
    with DuckDbStore(tmp_path / "backup.duckdb") as back:
        assert counts(back) == counts(source)
        assert upkeep.check(back) == []


def run(arguments: list[str]) -> Result:
    return CliRunner().invoke(migrate, arguments, obj=settings.defaults())


def test_the_command_moves_up_and_back_while_a_service_owns_the_source(
    source: DuckDbStore, postgres: Cluster, tmp_path: Path
) -> None:
    url, back = postgres.new_database(), tmp_path / "back.duckdb"
    with Service(source) as service:
        up = ["--from", service.url, "--to", url, "--json"]
        refused = run(up)
        assert "--data" in str(refused.exception)
        moved = run([*up, "--data", str(tmp_path / "lake")])
        assert moved.exit_code == 0, moved.output
        down = run(["--from", url, "--to", str(back), "--json"])
        assert down.exit_code == 0, down.output
        assert down.stdout == moved.stdout
        with connect(back) as store:
            assert counts(store) == counts(source)

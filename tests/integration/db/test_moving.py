"""Moving a store to PostgreSQL and back."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latbase import settings
from latbase.cli.migrate import migrate
from latbase.db import Store, connect, moving, rows, upkeep
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import JobRequest, new_id
from latbase.db.postgres_store import PostgresStore
from latbase.db.records import SearchStatus
from latbase.db.service.running import Service
from latbase.db.tokens import Role
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
    assert {moved.table: moved.rows for moved in first} == counts(source) | {"job": 0}
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


def queue(store: Store, *numbers: int) -> list[str]:
    requests = [
        JobRequest(
            job_id=new_id(),
            subnet_id=WORLD.subnet(number).subnet_id,
            configuration_id=WORLD.configuration.configuration_id,
            priority=number,
        )
        for number in numbers
    ]
    store.jobs.enqueue(requests)
    return [request.job_id for request in requests]


def statuses(store: Store) -> dict[str, str]:
    found = store.query("SELECT job_id::VARCHAR AS id, status FROM job").to_pylist()
    return {row["id"]: row["status"] for row in found}


def test_jobs_that_wait_are_queued_and_those_done_meanwhile_called_off(
    source: DuckDbStore, postgres_store: PostgresStore
) -> None:
    ids = queue(source, 1, 2, 3)
    place = [WORLD.configuration.configuration_id]
    (highest,) = source.jobs.claim(WORLD.host.host_id, place)
    source.jobs.finish(WORLD.host.host_id, [highest.job_id])
    source.jobs.claim(WORLD.host.host_id, place)
    moved = list(moving.move(source, postgres_store))[-1]
    assert (moved.table, moved.rows) == ("job", 2)
    assert statuses(postgres_store) == dict.fromkeys(ids[:2], "queued")
    source.jobs.finish(WORLD.host.host_id, [ids[1]])
    list(moving.move(source, postgres_store))
    assert statuses(postgres_store) == {ids[0]: "queued", ids[1]: "cancelled"}
    (claimed,) = postgres_store.jobs.claim(WORLD.host.host_id, place)
    assert (claimed.job_id, claimed.priority) == (ids[0], 1)


def test_bearers_stay_what_they_were(
    source: DuckDbStore, postgres_store: PostgresStore, tmp_path: Path
) -> None:
    host = source.tokens.create("host", Role.HOST)
    gone = source.tokens.create("gone", Role.OPERATOR)
    moving.move_tokens(source, postgres_store)
    assert postgres_store.tokens.role_of(gone.bearer) is Role.OPERATOR
    source.tokens.revoke(gone.token.token_id)
    assert moving.move_tokens(source, postgres_store).rows == 2
    assert postgres_store.tokens.role_of(host.bearer) is Role.HOST
    assert postgres_store.tokens.role_of(gone.bearer) is None
    with DuckDbStore(tmp_path / "back.duckdb") as back:
        moving.move_tokens(postgres_store, back)
        assert back.tokens.kept() == source.tokens.kept()


def test_what_comes_in_between_waits_for_the_next_move(source: DuckDbStore, tmp_path: Path) -> None:
    """A sub-network, and its measurement, of a daemon that goes on while the tables move."""
    with DuckDbStore(tmp_path / "new.duckdb") as target:
        for moved in moving.move(source, target):
            if moved.table == "subnet":
                source.write([WORLD.subnet(99), WORLD.measurement(99)])
        assert counts(target) == counts(source) | {"subnet": 50, "measurement": 50}
        list(moving.move(source, target))
        assert counts(target) == counts(source)


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
        assert "Tokens did not move" in moved.stderr
        *arrived, tokens = json.loads(down.stdout)
        assert arrived == json.loads(moved.stdout)
        assert tokens["table"] == "token"
        with connect(back) as store:
            assert counts(store) == counts(source)


@pytest.mark.slow
def test_a_killed_move_is_repeated_while_hosts_go_on_measuring(
    source: DuckDbStore, postgres: Cluster, tmp_path: Path
) -> None:
    source.write([WORLD.measurement(number % 50) for number in range(1_000)])
    url, over = postgres.new_database(), threading.Event()
    command = [sys.executable, "-m", "latbase", "migrate", "--to", url]

    def measure(address: str) -> int:
        delivered = 0
        with connect(address) as store:
            while not over.wait(0.05):
                store.write([WORLD.measurement(delivered % 50)])
                delivered += 1
        return delivered

    with Service(source) as service, ThreadPoolExecutor(1) as host:
        measuring = host.submit(measure, service.url)
        command += ["--from", service.url, "--data", str(tmp_path / "lake")]
        try:
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as killed:
                assert killed.stderr is not None
                while not killed.stderr.readline().startswith("subnet:"):
                    assert killed.poll() is None
                killed.kill()
            assert killed.returncode < 0
            subprocess.run(command, check=True, capture_output=True)
        finally:
            over.set()
        assert measuring.result() > 0
        subprocess.run(command, check=True, capture_output=True)
        with connect(url) as store:
            assert counts(store) == counts(source)
            assert upkeep.check(store) == []

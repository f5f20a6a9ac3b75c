"""What is particular to a store on PostgreSQL: the lake, several processes, restarts, versions."""

import importlib.util
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import psycopg
import pytest

from latbase.db import connect, ducklake, upkeep
from latbase.db.ducklake import Lake
from latbase.db.jobs import JobRequest, new_id
from latbase.db.postgres_store import PostgresStore
from latbase.db.tokens import Role
from latbase.errors import (
    InvalidInputError,
    StoreError,
    StoreUnreachableError,
    StoreVersionError,
)
from tests.integration.db.cluster import Cluster, cluster
from tests.integration.db.samples import World
from tests.integration.db.test_fleet import restart

WORLD = World()
HERE = WORLD.configuration.configuration_id


def count(store: PostgresStore, sql: str) -> int:
    return int(store.query(f"SELECT count(*) AS n FROM {sql}")["n"][0].as_py())


@pytest.fixture
def still(postgres: Cluster, tmp_path: Path) -> Iterator[PostgresStore]:
    """Give a store that moves only when it is told to."""
    with PostgresStore(postgres.new_database(), tmp_path / "lake", move_s=None) as store:
        store.write(WORLD.base(5))
        yield store


class TestLake:
    """Measurements wait in the database, and move."""

    def test_a_move_changes_no_answer(self, still: PostgresStore) -> None:
        measured = [WORLD.measurement(number) for number in range(5)]
        still.write(measured[:3])
        before = still.query("FROM measurement ORDER BY measurement_id")
        assert still.move() == 3
        assert still.query("FROM measurement ORDER BY measurement_id").equals(before)
        assert still.move() == 0
        still.write(measured)
        assert count(still, "measurement") == 5
        assert still.move() == 2
        still.write(measured)
        still.compact()
        assert count(still, "measurement") == 5
        assert upkeep.check(still) == []

    def test_files_are_parquet_in_the_directory(self, still: PostgresStore, tmp_path: Path) -> None:
        still.write([WORLD.measurement(0) for _ in range(100)])
        still.move()
        files = list((tmp_path / "lake").rglob("*.parquet"))
        assert duckdb.read_parquet([str(file) for file in files]).shape[0] == 100

    def test_a_kill_between_lake_and_database_doubles_nothing(self, still: PostgresStore) -> None:
        still.write([WORLD.measurement(0)])
        still._lake.take()
        assert count(still, "measurement") == 1
        still.write([WORLD.measurement(1)])
        assert count(still, "measurement") == 2
        still.move()
        assert count(still, "measurement") == 2
        assert still.move() == 0
        assert upkeep.check(still) == []

    def test_readers_see_every_row_once_while_it_moves(self, still: PostgresStore) -> None:
        over = threading.Event()

        def move() -> None:
            while not over.is_set():
                still.move()

        with ThreadPoolExecutor(1) as pool:
            moving = pool.submit(move)
            for number in range(30):
                still.write([WORLD.measurement(number % 5)])
                row = still.query(
                    "SELECT (SELECT count(*) FROM measurement) AS n, "
                    "(SELECT sum(measurements) FROM coverage) AS told"
                ).to_pylist()[0]
                assert row == {"n": number + 1, "told": number + 1}
            over.set()
            moving.result()

    def test_another_directory_is_refused(self, still: PostgresStore, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match=r"are in .*lake/, not in"):
            PostgresStore(still._database.url, tmp_path / "elsewhere")
        with PostgresStore(still._database.url, read_only=True) as reader:
            assert count(reader, "subnet") == 5
            with pytest.raises(StoreError, match="for reading only"):
                reader.write([WORLD.host])

    def test_a_new_store_needs_a_directory(self, postgres: Cluster) -> None:
        with pytest.raises(InvalidInputError, match="no lake yet; name a directory"):
            connect(postgres.new_database())


class TestProcesses:
    """Several stores on one database are one store."""

    def test_what_one_writes_all_see(self, still: PostgresStore) -> None:
        request = JobRequest(
            job_id=new_id(), subnet_id=WORLD.subnet(0).subnet_id, configuration_id=HERE
        )
        with PostgresStore(still._database.url, move_s=None) as other:
            still.write([WORLD.measurement(0)])
            other.move()
            assert count(still, "measurement") == count(other, "measurement") == 1
            made = still.tokens.create("one", Role.HOST)
            assert other.tokens.role_of(made.bearer) is Role.HOST
            other.jobs.enqueue([request])
            assert [job.job_id for job in still.jobs.claim("a", [HERE])] == [request.job_id]
            assert other.jobs.claim("b", [HERE]) == []

    def test_writing_the_same_at_once_is_one(self, still: PostgresStore) -> None:
        records = [WORLD.measurement(number) for number in range(5)]
        again = PostgresStore(still._database.url, move_s=None)
        with again as other, ThreadPoolExecutor(8) as pool:
            stores = [still, other] * 8
            for done in [pool.submit(store.write, records) for store in stores]:
                done.result()
        assert count(still, "measurement") == 5
        assert upkeep.check(still) == []

    def test_opening_at_once_makes_one_store(self, postgres: Cluster, tmp_path: Path) -> None:
        url = postgres.new_database()

        def made() -> None:
            PostgresStore(url, tmp_path / "lake", move_s=None).close()

        with ThreadPoolExecutor(4) as pool:
            for opened in [pool.submit(made) for _ in range(4)]:
                opened.result()


def test_a_restart_of_postgresql_is_survived(tmp_path: Path) -> None:
    def opened(own: Cluster) -> PostgresStore:
        return PostgresStore(own.new_database(), tmp_path / "lake", move_s=None)

    with cluster() as own, opened(own) as store:
        store.write([*WORLD.base(5), WORLD.measurement(0)])
        store.move()
        store.write([WORLD.measurement(1)])
        own.kill()
        restart(own)
        assert count(store, "measurement") == 2
        store.write([WORLD.measurement(2)])
        assert count(store, "measurement") == 3


def test_the_command_serves_it(postgres: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "latbase", "serve", "--port", "0"]
    where = ["--backend", postgres.new_database(), "--data", str(tmp_path / "lake")]
    with subprocess.Popen([*command, *where], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        with connect(serving.stdout.readline().strip()) as store:
            store.write([*WORLD.base(1), WORLD.measurement(0)])
            assert store.query("FROM latency").num_rows == 1
        serving.send_signal(signal.SIGTERM)
    assert serving.returncode == 0


class TestRefusals:
    """What does not fit is said, and nothing is written."""

    def test_a_server_that_does_not_answer(self, tmp_path: Path) -> None:
        address = "postgresql://me:secret@127.0.0.1:1/none"
        with pytest.raises(StoreUnreachableError, match=r"127\.0\.0\.1:1/none") as refused:
            PostgresStore(address, tmp_path / "lake")
        assert "secret" not in str(refused.value)

    def test_no_address(self) -> None:
        with pytest.raises(InvalidInputError, match="no address of a PostgreSQL database"):
            connect("postgresql://[")

    def test_a_wrong_password(self, tmp_path: Path) -> None:
        with cluster() as own:
            url = own.new_database()
            rules = "local all all scram-sha-256\n"
            (own.folder / "data" / "pg_hba.conf").write_text(rules)
            own.run("pg_ctl", "reload")
            secret = url.replace("latbase@", "latbase:secret@")
            with pytest.raises(StoreUnreachableError, match="password") as refused:
                PostgresStore(secret, tmp_path / "lake")
            assert ":secret@" not in str(refused.value)

    def test_a_newer_schema(self, still: PostgresStore) -> None:
        with psycopg.connect(still._database.url) as connection:
            connection.execute("INSERT INTO latbase.schema_version VALUES (999)")
        with pytest.raises(StoreVersionError, match="schema version 999"):
            connect(still._database.url)

    def test_a_lake_of_another_version(self, still: PostgresStore) -> None:
        with psycopg.connect(still._database.url) as connection:
            connection.execute(
                "UPDATE latbase_lake.ducklake_metadata SET value = '0.1' WHERE key = 'version'"
            )
        with pytest.raises(StoreVersionError, match="does not fit DuckDB"):
            connect(still._database.url)

    def test_an_extension_for_another_duckdb(
        self, monkeypatch: pytest.MonkeyPatch, postgres: Cluster, tmp_path: Path
    ) -> None:
        wheel = tmp_path / "duckdb_extension_ducklake"
        (wheel / "extensions" / "v0.9.9").mkdir(parents=True)
        (wheel / "__init__.py").touch()
        found = importlib.util.spec_from_file_location(
            "duckdb_extension_ducklake",
            wheel / "__init__.py",
            submodule_search_locations=[str(wheel)],
        )
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: found)
        url = postgres.new_database()
        with pytest.raises(StoreVersionError, match=r"built for DuckDB v0\.9\.9"):
            PostgresStore(url, tmp_path / "lake")
        with psycopg.connect(url) as connection:
            schemas = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
        assert ("latbase",) not in schemas
        assert not (tmp_path / "lake").exists()

    def test_no_extension_anywhere(
        self, monkeypatch: pytest.MonkeyPatch, still: PostgresStore
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        monkeypatch.setattr(ducklake, "EXTENSIONS", ("no_such_extension",))
        with pytest.raises(StoreError, match="latbase\\[postgresql\\]"):
            Lake(still._database, None)

    def test_a_directory_for_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="is for stores on PostgreSQL"):
            connect(tmp_path / "latency.duckdb", data=tmp_path)

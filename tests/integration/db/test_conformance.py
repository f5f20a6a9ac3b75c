"""What every store promises, in one suite; ``conftest.store`` gives each kind in turn."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from latbase.db import Store, connect, queries, rows
from latbase.db.jobs import MAX_LEASE_S, JobRequest, JobStatus, new_id
from latbase.db.records import Evaluation, Measurement, SearchStatus, Subnet
from latbase.errors import (
    InvalidInputError,
    QueryRefusedError,
    QueryTimeoutError,
    StoreError,
    UnknownNameError,
)
from tests.integration.db.samples import NOON, World

WORLD = World()


def count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def latency(store: Store) -> dict[str, tuple[float, str]]:
    found = store.query("SELECT subnet_id, latency_ms, verdict FROM latency").to_pylist()
    return {row["subnet_id"]: (row["latency_ms"], row["verdict"]) for row in found}


def test_records_come_back_as_they_were_written(store: Store) -> None:
    measurements = [WORLD.measurement(0), WORLD.measurement(1, verdict="disturbed")]
    evaluation = replace(WORLD.evaluation(0), values=(math.inf, 1.0))
    store.write([*WORLD.base(), *measurements, WORLD.search(), evaluation])

    stored = rows.read(Measurement, store.query("FROM measurement ORDER BY subnet_id"))
    assert sorted(stored, key=lambda m: m.measurement_id) == sorted(
        measurements, key=lambda m: m.measurement_id
    )
    assert rows.read(Evaluation, store.query("FROM evaluation")) == [evaluation]
    assert queries.search(store, "0190") == WORLD.search()


def test_writing_twice_is_a_no_op(store: Store) -> None:
    records = [*WORLD.base(), WORLD.measurement(0), WORLD.search(), WORLD.evaluation(1)]
    store.write(records)
    before = {table.name: count(store, table.name) for table in rows.TABLES}
    tally = store.query("FROM coverage").to_pylist()

    store.write(records)
    store.write([*records, *records])

    assert {table.name: count(store, table.name) for table in rows.TABLES} == before
    assert store.query("FROM coverage").to_pylist() == tally


def test_hosts_searches_and_evaluations_take_the_newer_values(store: Store) -> None:
    store.write([*WORLD.base(), WORLD.search(), WORLD.evaluation(0)])
    store.write(
        [
            replace(WORLD.host, host_name="renamed"),
            WORLD.search(SearchStatus.FINISHED),
            WORLD.evaluation(0, on_front=True),
        ]
    )
    store.write([replace(WORLD.host, host_name="older", seen_at=NOON.replace(year=2020))])

    assert store.query("SELECT host_name FROM host")["host_name"].to_pylist() == ["renamed"]
    assert queries.search(store, "latest").status is SearchStatus.FINISHED
    assert count(store, "front") == 1


@pytest.mark.parametrize(
    ("column", "dangling"),
    [
        ("subnet", replace(WORLD.measurement(1), subnet_id="nowhere")),
        ("configuration", replace(WORLD.measurement(1), configuration_id="nowhere")),
        ("environment", replace(WORLD.measurement(1), environment_id="nowhere")),
        ("host", replace(WORLD.measurement(1), host_id="nowhere")),
    ],
)
def test_a_reference_to_nothing_is_refused_and_nothing_is_written(
    store: Store, column: str, dangling: Measurement
) -> None:
    store.write(WORLD.base(2))
    with pytest.raises(InvalidInputError, match=f"{column} nowhere"):
        store.write([WORLD.measurement(0), dangling])
    assert count(store, "measurement") == 0
    assert count(store, "coverage") == 0


def test_a_value_that_does_not_fit_is_refused(store: Store) -> None:
    store.write(WORLD.base())
    with pytest.raises(InvalidInputError, match="verdict"):
        store.write([replace(WORLD.measurement(), verdict="perhaps")])
    with pytest.raises(InvalidInputError, match="measurement"):
        store.write([replace(WORLD.measurement(), measurement_id="not a uuid")])
    with pytest.raises(InvalidInputError, match="JSON"):
        store.write([replace(WORLD.measurement(), conditions={"load": math.nan})])
    assert count(store, "measurement") == 0


class TestLatency:
    """Which measurement counts."""

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_newest_counts_whatever_the_order_of_arrival(
        self, store: Store, order: int
    ) -> None:
        store.write(WORLD.base())
        for measurement in [
            WORLD.measurement(value=1.0, minutes=1),
            WORLD.measurement(value=2.0, minutes=2),
        ][::order]:
            store.write([measurement])
        assert latency(store)[WORLD.subnet(0).subnet_id] == (2.0, "stable")

    def test_a_stable_one_beats_a_newer_unstable_one(self, store: Store) -> None:
        store.write(WORLD.base())
        store.write(
            [
                WORLD.measurement(value=1.0),
                WORLD.measurement(value=2.0, minutes=5, verdict="unstable"),
            ]
        )
        assert latency(store)[WORLD.subnet(0).subnet_id] == (1.0, "stable")

    def test_an_unstable_one_counts_where_there_is_no_other(self, store: Store) -> None:
        store.write([*WORLD.base(), WORLD.measurement(value=3.0, verdict="unstable")])
        assert latency(store)[WORLD.subnet(0).subnet_id] == (3.0, "unstable")

    def test_disturbed_ones_are_kept_and_left_out(self, store: Store) -> None:
        store.write([*WORLD.base(), WORLD.measurement(verdict="disturbed")])
        assert latency(store) == {}
        assert count(store, "measurement") == 1
        (row,) = store.query("FROM coverage").to_pylist()
        assert (row["subnets"], row["measurements"], row["disturbed"]) == (0, 1, 1)

    def test_a_disturbed_one_does_not_displace_what_counts(self, store: Store) -> None:
        store.write([*WORLD.base(), WORLD.measurement(value=1.0)])
        store.write([WORLD.measurement(value=9.0, minutes=5, verdict="disturbed")])
        assert latency(store)[WORLD.subnet(0).subnet_id] == (1.0, "stable")

    def test_other_metrics_do_not_mix_in(self, store: Store) -> None:
        store.write([*WORLD.base(), WORLD.measurement(value=5e6, metric="peak_memory_bytes")])
        assert latency(store) == {}
        assert store.query("SELECT metric FROM coverage")["metric"].to_pylist() == [
            "peak_memory_bytes"
        ]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM measurement",
        "WITH q AS (SELECT 1) INSERT INTO tally SELECT * FROM q",
        "EXPLAIN ANALYZE DELETE FROM measurement",
        "SELECT 1; SELECT 2",
        "",
        "ATTACH ':memory:' AS other",
        "CREATE MACRO one() AS 1",
        "DROP TABLE measurement",
        "COPY measurement TO '/tmp/stolen.csv'",
        "SET threads = 1",
        "LOAD json",
        "INSTALL httpfs",
        "CHECKPOINT",
        "SELECT * FROM checkpoint()",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'latency.csv'",
        "SELECT (SELECT content FROM read_blob('latency.duckdb'))",
        "SELECT * FROM query('DELETE FROM measurement')",
        "SELECT * FROM query_table('token')",
        "FROM token",
        'SELECT secret_hash FROM main."TOKEN"',
        "WITH t AS (FROM token) FROM t",
        "DESCRIBE token",
        "FROM duckdb_databases",
        "FROM pragma_database_list",
        "FROM pg_settings",
        "FROM pg_catalog.pg_settings",
        "SUMMARIZE pg.token",
        "FROM __ducklake_metadata_lake.pg_catalog.pg_authid",
        "FROM pg.job",
        "SELECT * FROM measurement WHERE nonsense",
        "SELEKT 1",
    ],
)
def test_anything_but_one_reading_statement_is_refused(store: Store, sql: str) -> None:
    store.write(WORLD.base())
    with pytest.raises(QueryRefusedError):
        store.query(sql)
    assert count(store, "subnet") == 3


@pytest.mark.parametrize(
    "sql",
    [
        "FROM subnet",
        "SHOW TABLES",
        "DESCRIBE latency",
        "SUMMARIZE subnet",
        "VALUES (1)",
        "WITH s AS (FROM subnet) SELECT count(*) FROM s -- a comment",
        "SELECT list_transform([1, 2], lambda x: x + 1), unnest(range(2))",
        "SELECT comment FROM duckdb_views() WHERE view_name = 'latency'",
        "SELECT * FROM information_schema.tables",
        "SELECT now() - INTERVAL 3 DAY",
        "SELECT config ->> '$.number' FROM subnet",
    ],
)
def test_reading_statements_are_answered(store: Store, sql: str) -> None:
    store.write(WORLD.base())
    assert store.query(sql).num_rows > 0


def test_parameters_bind_by_position_and_by_name(store: Store) -> None:
    assert store.query("SELECT ? + ? AS n", [1, 2])["n"].to_pylist() == [3]
    assert store.query("SELECT $a AS n", {"a": NOON})["n"].to_pylist() == [NOON]
    assert store.query("SELECT unnest(?::VARCHAR[]) AS n", [["x", "y"]])["n"].to_pylist() == [
        "x",
        "y",
    ]


def test_rows_beyond_the_limit_are_left_out(store: Store) -> None:
    assert store.query("FROM range(100000)", max_rows=12345).num_rows == 12345
    assert store.query("FROM range(3)", max_rows=10).num_rows == 3
    assert store.query("FROM range(3)", max_rows=0).num_rows == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3",
        "SELECT i FROM range(1000000000000) t(i) WHERE i % 1000003 = 7",
    ],
)
def test_a_query_that_takes_too_long_is_stopped(store: Store, sql: str) -> None:
    with pytest.raises(QueryTimeoutError, match=r"0\.2 s"):
        store.query(sql, timeout_s=0.2)
    assert store.query("SELECT 1 AS n", timeout_s=60)["n"].to_pylist() == [1]


def test_threads_share_a_store(store: Store) -> None:
    store.write(WORLD.base(40))

    def one(number: int) -> int:
        store.write([WORLD.measurement(number)])
        return count(store, "latency")

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(one, range(40)))
    assert count(store, "measurement") == count(store, "latency") == 40
    assert min(seen) >= 1
    (row,) = store.query("FROM coverage").to_pylist()
    assert (row["subnets"], row["stable"]) == (40, 40)


def test_genotypes_come_back_as_small_integers(store: Store) -> None:
    store.write([WORLD.supernet, WORLD.subnet(205)])
    table = store.query("FROM subnet")
    assert str(table.schema.field("genotype").type.value_type) == "int8"
    assert rows.read(Subnet, table) == [WORLD.subnet(205)]


def test_a_backup_is_a_store_and_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    store.write([*WORLD.base(), WORLD.measurement()])
    if store.description == ":memory:":
        with pytest.raises(StoreError, match="has no file"):
            store.backup(tmp_path / "backup.duckdb")
        return
    store.backup(tmp_path / "backup.duckdb")
    with connect(tmp_path / "backup.duckdb", read_only=True) as back:
        assert back.query("FROM measurement").equals(store.query("FROM measurement"))
        assert latency(back) == latency(store)
    with pytest.raises(InvalidInputError, match="exists already"):
        store.backup(tmp_path / "backup.duckdb")


class TestJobs:
    """The queue of any store; what depends on time is in ``test_jobs``."""

    HERE = (WORLD.configuration.configuration_id,)

    def request(self, number: int) -> JobRequest:
        return JobRequest(
            job_id=new_id(),
            subnet_id=WORLD.subnet(number).subnet_id,
            configuration_id=self.HERE[0],
            priority=-number,
        )

    def test_a_job_is_queued_claimed_kept_and_ended_once(self, store: Store) -> None:
        store.write(WORLD.base(4))
        requests = [self.request(number) for number in range(4)]
        done, failing, dropped, waiting = (request.job_id for request in requests)
        assert store.jobs.enqueue(requests) == 4
        assert store.jobs.enqueue(requests[:2]) == 0
        assert store.jobs.claim("a", ["another"]) == []
        held = store.jobs.claim("a", self.HERE, limit=3)
        assert {job.job_id for job in held} == {done, failing, dropped}
        assert all(job.status is JobStatus.CLAIMED and job.attempts == 1 for job in held)
        assert store.jobs.cancel([dropped]) == 1
        assert set(store.jobs.heartbeat("a", [done, failing, dropped])) == {done, failing}
        assert store.jobs.heartbeat("b", [done]) == []
        store.jobs.finish("a", [done])
        store.jobs.finish("a", [done])
        assert store.jobs.fail("a", done, "late") is JobStatus.FINISHED
        assert store.jobs.fail("a", failing, "no memory") is JobStatus.QUEUED
        found = store.query("SELECT job_id::VARCHAR AS id, status, error FROM job").to_pylist()
        assert {row["id"]: (row["status"], row["error"]) for row in found} == {
            done: ("finished", None),
            failing: ("queued", "no memory"),
            dropped: ("cancelled", None),
            waiting: ("queued", None),
        }

    def test_what_cannot_be_is_refused(self, store: Store) -> None:
        store.write(WORLD.base(1))
        with pytest.raises(InvalidInputError, match="subnet"):
            store.jobs.enqueue([self.request(0), self.request(1)])
        assert count(store, "job") == 0
        with pytest.raises(UnknownNameError, match="There is no job"):
            store.jobs.fail("a", new_id(), "why")
        with pytest.raises(InvalidInputError, match="lease"):
            store.jobs.claim("a", self.HERE, lease_s=MAX_LEASE_S + 1)

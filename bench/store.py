"""The store's claims: everyday questions at scale, beside bare DuckDB; jobs.py loads a service.

python bench/store.py [--rows 10000000]
"""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from latbase.db import Store, connect, queries
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import new_id
from latbase.db.records import (
    Configuration,
    Environment,
    Hardware,
    Host,
    Measurement,
    Record,
    Subnet,
    Supernet,
)

HARDWARE = Hardware.of({"cpu_brand": "bench"})
ENVIRONMENT = Environment.of({"torch": "bench"})
SUPERNET = Supernet.of("bench", {"depth": list(range(100))})
CONFIGURATIONS = [
    Configuration.of(hardware_id=HARDWARE.hardware_id, threads=threads) for threads in range(1, 51)
]
HOST = Host(
    host_id="bench",
    host_name="bench",
    hardware_id=HARDWARE.hardware_id,
    latbase_version="bench",
    seen_at=datetime.now(UTC),
)
SUBNETS = [Subnet.of(SUPERNET.supernet_id, (n % 100, n // 100), {"n": n}) for n in range(2_000)]
BASE: list[Record] = [HARDWARE, ENVIRONMENT, HOST, *CONFIGURATIONS, SUPERNET, *SUBNETS]

FILL = f"""
INSERT INTO subnet
SELECT format('{{:016x}}', n), '{SUPERNET.supernet_id}', [n % 100], '{{}}'
FROM range({{subnets}}) t(n);

INSERT INTO measurement
SELECT (lpad(to_hex(1700000000000 + i * 50), 12, '0') || '7' || substr(md5(i::VARCHAR), 1, 3) || '8'
        || substr(md5(i::VARCHAR), 4, 15))::UUID,
    format('{{:016x}}', (i // 10000) * 200 + i % 200), $configurations[1 + (i // 200) % 50],
    '{ENVIRONMENT.environment_id}', 'bench', 'latency_ms', 20 + 10 * random(), [19.0, 31.0],
    'median', list_transform(range(10), lambda s: (20 + 10 * random())::FLOAT), []::FLOAT[],
    'stable', []::VARCHAR[], 'rounds', '{{"rounds": 10}}', '{{"load": 0.1}}',
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i)
FROM range($rows) t(i);

INSERT INTO newest
SELECT subnet_id, configuration_id, metric, '{SUPERNET.supernet_id}', measurement_id, value,
    "interval"[1], "interval"[2], verdict, measured_at
FROM measurement;

INSERT INTO tally
SELECT supernet_id, configuration_id, metric, count(*), count(*), 0, 0, max(measured_at)
FROM newest GROUP BY ALL;
"""
"""Distinct pairs of sub-network and configuration: the most rows the summaries can have."""


def fill(path: Path, rows: int) -> None:
    """Write ``rows`` measurements straight into the tables."""
    with connect(path) as store:
        store.write([HARDWARE, ENVIRONMENT, HOST, *CONFIGURATIONS, SUPERNET])
    ids = [configuration.configuration_id for configuration in CONFIGURATIONS]
    with duckdb.connect(str(path)) as database:
        for statement in FILL.replace("{subnets}", str(rows // 50 + 200)).split(";\n\n"):
            values = {"rows": rows, "configurations": ids} if "$rows" in statement else None
            database.execute(statement, values)
        database.execute("CHECKPOINT")


def measurement(number: int) -> Measurement:
    return Measurement(
        measurement_id=new_id(),
        subnet_id=SUBNETS[number % len(SUBNETS)].subnet_id,
        configuration_id=CONFIGURATIONS[number % 50].configuration_id,
        environment_id=ENVIRONMENT.environment_id,
        host_id="bench",
        metric="latency_ms",
        value=20.0,
        interval=(19.0, 21.0),
        statistic="median",
        samples=(20.0,) * 10,
        verdict="stable",
        stopped_by="rounds",
        protocol={"rounds": 10},
        conditions={"load": 0.1},
        measured_at=datetime.now(UTC),
    )


def milliseconds(work: Callable[[], object], times: int = 9) -> float:
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def at_scale(path: Path, rows: int) -> None:
    began = time.perf_counter()
    fill(path, rows)
    print(f"{rows:,} measurements: {path.stat().st_size / 1e6:,.0f} MB", end=", ")
    print(f"filled in {time.perf_counter() - began:.0f} s")
    subnet = format(rows // 50 // 2, "016x")
    config = CONFIGURATIONS[17].configuration_id
    some = [format(n, "016x") for n in range(0, rows // 50, max(1, rows // 50 // 100))]
    with DuckDbStore(path) as store:
        store.write(BASE)
        questions: dict[str, Callable[[], object]] = {
            "latency of a sub-network on a configuration": lambda: store.query(
                "FROM latency WHERE subnet_id = ? AND configuration_id = ?", [subnet, config]
            ),
            "latency of a sub-network everywhere": lambda: store.query(
                "FROM latency WHERE subnet_id = ?", [subnet]
            ),
            "median of a configuration": lambda: store.query(
                "SELECT median(latency_ms) FROM latency WHERE configuration_id = ?", [config]
            ),
            "the ten fastest of a configuration": lambda: store.query(
                "FROM latency WHERE configuration_id = ? ORDER BY latency_ms LIMIT 10", [config]
            ),
            "coverage": lambda: store.query("FROM coverage"),
            "latbase configs": lambda: queries.configurations(store),
            "values of 100 sub-networks": lambda: queries.newest_values(
                store, some, configuration_id=config, metric="latency_ms"
            ),
            "write one measurement": lambda: store.write([measurement(1)]),
            "write 1,000 measurements": lambda: store.write([measurement(n) for n in range(1000)]),
        }
        for name, work in questions.items():
            print(f"  {name:45} {milliseconds(work):8.1f} ms")
        with store.cursor() as cursor:
            bare = "SELECT value FROM measurement WHERE subnet_id = ? AND configuration_id = ?"
            scan = milliseconds(lambda: cursor.execute(bare, [subnet, config]).fetchall(), 3)
            print(f"  {'bare DuckDB: the first question by a scan':45} {scan:8.1f} ms")
            bare = "SELECT configuration_id, median(value) FROM measurement GROUP BY ALL"
            scan = milliseconds(lambda: cursor.execute(bare).fetchall(), 3)
            print(f"  {'bare DuckDB: medians by configuration':45} {scan:8.1f} ms")


def bare_writes(folder: Path) -> None:
    with duckdb.connect(str(folder / "bare.duckdb")) as bare:
        bare.execute("CREATE TABLE m (id UUID, value DOUBLE, samples FLOAT[])")
        row = "INSERT INTO m VALUES (?, 1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])"
        one = milliseconds(lambda: bare.execute(row, [uuid.uuid4()]), 50)
        print(f"bare DuckDB in process: a single insert {one:.1f} ms")
    with connect(folder / "own.duckdb") as store:
        store.write(BASE)
        one = milliseconds(lambda: write_one(store), 50)
        began = time.perf_counter()
        store.write([measurement(n) for n in range(20_000)])
        batch = 20_000 / (time.perf_counter() - began)
        print(
            f"a store in process: a single measurement {one:.1f} ms, {batch:,.0f} rows/s in a batch"
        )


def write_one(store: Store) -> None:
    store.write([measurement(0)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"DuckDB {duckdb.__version__}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="latbase-bench-") as folder:
        bare_writes(Path(folder))
        at_scale(Path(folder) / "scale.duckdb", options.rows)


if __name__ == "__main__":
    main()

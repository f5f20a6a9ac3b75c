"""Both engines beside each other: claims and rows a second, and how long questions take.

python bench/fleet.py --postgres postgresql://user@host/database [--rows 500000] [--seconds 5]

The database must be empty; without one the file alone is measured. Every writer and claimer is a
thread that calls the store directly, so that the figures are the engines' and not HTTP's; those of
HTTP are bench/jobs.py's.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa

from latbase.db import Store, rows
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import JobRequest, new_id
from latbase.db.postgres_store import PostgresStore
from latbase.db.records import (
    STABLE,
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
HERE = [configuration.configuration_id for configuration in CONFIGURATIONS]
HOST = Host(
    host_id="bench",
    host_name="bench",
    hardware_id=HARDWARE.hardware_id,
    latbase_version="bench",
    seen_at=datetime.now(UTC),
)
SUBNETS = [Subnet.of(SUPERNET.supernet_id, (n % 100, n // 100), {"n": n}) for n in range(2_000)]
BASE: list[Record] = [HARDWARE, ENVIRONMENT, HOST, *CONFIGURATIONS, SUPERNET, *SUBNETS]
THREADS = 8
BATCH = 10_000


def measurement(number: int) -> Measurement:
    return Measurement(
        measurement_id=new_id(),
        subnet_id=SUBNETS[number % len(SUBNETS)].subnet_id,
        configuration_id=HERE[number % len(HERE)],
        environment_id=ENVIRONMENT.environment_id,
        host_id="bench",
        metric="latency_ms",
        value=20.0 + number % 7,
        interval=(19.0, 28.0),
        statistic="median",
        samples=(20.0,) * 10,
        verdict=STABLE,
        stopped_by="rounds",
        protocol={"rounds": 10},
        conditions={"load": 0.1},
        measured_at=datetime.now(UTC),
    )


def batches(count: int) -> list[Sequence[tuple[rows.Table, pa.Table]]]:
    """Return ``count`` rows in batches of BATCH, made beforehand."""
    return [
        list(rows.batches([measurement(number) for number in range(start, start + BATCH)]))
        for start in range(0, count, BATCH)
    ]


def rows_per_s(store: Store, count: int) -> float:
    prepared = batches(count)
    began = time.perf_counter()
    for batch in prepared:
        store.write_rows(batch)
    return count / (time.perf_counter() - began)


def small_writes_per_s(store: Store, seconds: float) -> float:
    """Return how many single measurements a second THREADS hosts deliver and get acknowledged."""

    def deliver(host: int) -> int:
        store.write([measurement(host)])
        return 1

    return per_s(deliver, seconds)


def claim_ms(store: Store, waiting: int) -> float:
    """Return how long one claim takes after ``waiting`` more jobs were queued."""
    store.jobs.enqueue(
        [
            JobRequest(
                job_id=new_id(),
                subnet_id=SUBNETS[number % len(SUBNETS)].subnet_id,
                configuration_id=HERE[number % len(HERE)],
            )
            for number in range(waiting)
        ]
    )
    return milliseconds(lambda: store.jobs.claim("host", HERE[::THREADS]), 30)


def claims_per_s(store: Store, seconds: float) -> float:
    """Return jobs claimed a second, one at a time, of the queue that was filled before."""

    def claim(host: int) -> int:
        return len(store.jobs.claim(f"host-{host}", HERE[host::THREADS]))

    return per_s(claim, seconds)


def per_s(work: Callable[[int], int], seconds: float) -> float:
    until, began = time.perf_counter() + seconds, time.perf_counter()

    def repeat(thread: int) -> int:
        done = 0
        while time.perf_counter() < until:
            done += work(thread)
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(repeat, range(THREADS)))
    return total / (time.perf_counter() - began)


def milliseconds(work: Callable[[], object], times: int = 9) -> float:
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def questions(store: Store) -> dict[str, float]:
    subnet, config = SUBNETS[7].subnet_id, HERE[7]
    asked: dict[str, tuple[str, list[object]]] = {
        "latency of a sub-network on a configuration": (
            "FROM latency WHERE subnet_id = ? AND configuration_id = ?",
            [subnet, config],
        ),
        "median of a configuration": (
            "SELECT median(latency_ms) FROM latency WHERE configuration_id = ?",
            [config],
        ),
        "coverage": ("FROM coverage", []),
        "mean of all samples by configuration": (
            "SELECT configuration_id, avg(list_avg(samples)) FROM measurement GROUP BY ALL",
            [],
        ),
    }
    return {
        name: milliseconds(partial(store.query, sql, values))
        for name, (sql, values) in asked.items()
    }


def figures(store: Store, count: int, seconds: float) -> dict[str, str]:
    """Return every figure of a store by its name."""
    store.write(BASE)
    found = {
        "single writes/s, 8 threads": f"{small_writes_per_s(store, seconds):,.0f}",
        "a claim of 500 jobs, ms": f"{claim_ms(store, 500):.1f}",
        "a claim of 20,000 jobs, ms": f"{claim_ms(store, 20_000):.1f}",
        "claims/s of 20,000 jobs, 8 threads": f"{claims_per_s(store, seconds):,.0f}",
        "rows/s, batches of 10,000": f"{rows_per_s(store, count):,.0f}",
    }
    if isinstance(store, PostgresStore):
        began = time.perf_counter()
        moved = store.move()
        found["rows/s moved into the lake"] = f"{moved / (time.perf_counter() - began):,.0f}"
        store.compact()
    return found | {f"{name}, ms": f"{taken:.1f}" for name, taken in questions(store).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="address of an empty database")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, {arguments.rows:,} measurements")
    with tempfile.TemporaryDirectory() as folder:
        with DuckDbStore(Path(folder) / "bench.duckdb") as store:
            embedded = figures(store, arguments.rows, arguments.seconds)
        if arguments.postgres is None:
            shared = dict.fromkeys(embedded, "-")
        else:
            with PostgresStore(arguments.postgres, Path(folder) / "lake", move_s=None) as store:
                shared = figures(store, arguments.rows, arguments.seconds)
    print(f"{'':46} {'DuckDB file':>14} {'PostgreSQL':>14}")
    for name, value in shared.items():
        print(f"{name:46} {embedded.get(name, '-'):>14} {value:>14}")


if __name__ == "__main__":
    main()

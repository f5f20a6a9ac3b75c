"""A service under load beside bare DuckDB in process: jobs a second, and what a question takes.

python bench/jobs.py [--jobs 5000]

Eight clients queue, then sixteen hosts claim, write a measurement and finish, one job at a time and
sixteen at a time, while somebody asks; every job is checked to be done once. Bare DuckDB does the
same in one thread, for it has one writer: no socket, no token, no lease, no check, no summary.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import duckdb
from store import BASE, CONFIGURATIONS, SUBNETS, measurement

from latbase.db import connect
from latbase.db.jobs import JobRequest, new_id

CLIENTS, HOSTS, BATCH = 8, 16, 100
HERE = CONFIGURATIONS[0].configuration_id
QUESTION = "SELECT median({value}) FROM {table} WHERE configuration_id = ?"


class Side(Protocol):
    """One of the two that are compared."""

    clients: int
    hosts: int

    def enqueue(self, job_ids: list[str]) -> None:
        """Queue jobs, some at a time."""

    def work(self, host: int, jobs: int, at_once: int) -> None:
        """Claim, measure and finish that many jobs."""

    def asking(self) -> Callable[[], object]:
        """Return a question, with a connection of its own."""

    def finished(self) -> int:
        """Return how many jobs were done, each once."""


@dataclass(slots=True)
class Figures:
    """What was found of one side."""

    enqueued_per_s: float = 0.0
    done_per_s: dict[int, float] = field(default_factory=dict)
    question_ms: dict[int, list[float]] = field(default_factory=dict)


class Served:
    """A service of the file ``path``, over HTTP; everybody has a connection of their own."""

    clients, hosts = CLIENTS, HOSTS

    def __init__(self, path: Path) -> None:
        self._path = path

    def enqueue(self, job_ids: list[str]) -> None:
        """See :class:`Side`."""
        with connect(self._path) as store:
            for start in range(0, len(job_ids), BATCH):
                store.jobs.enqueue(
                    [
                        JobRequest(
                            job_id=job_id, subnet_id=SUBNETS[0].subnet_id, configuration_id=HERE
                        )
                        for job_id in job_ids[start : start + BATCH]
                    ]
                )

    def work(self, host: int, jobs: int, at_once: int) -> None:
        """See :class:`Side`."""
        with connect(self._path) as store:
            for start in range(0, jobs, at_once):
                limit = min(at_once, jobs - start)
                claimed = store.jobs.claim(f"host-{host}", [HERE], limit=limit)
                store.write([measurement(n) for n in range(len(claimed))])
                store.jobs.finish(f"host-{host}", [job.job_id for job in claimed])

    def asking(self) -> Callable[[], object]:
        """See :class:`Side`."""
        store = connect(self._path)
        question = QUESTION.format(value="latency_ms", table="latency")
        return lambda: store.query(question, [HERE])

    def finished(self) -> int:
        """See :class:`Side`."""
        with connect(self._path) as store:
            (row,) = store.query("SELECT status, attempts, count(*) AS n FROM job GROUP BY ALL")[
                "n"
            ].to_pylist()
        return int(row)


class Bare:
    """A DuckDB file of this process; every statement is a transaction."""

    clients = hosts = 1

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        database.execute("CREATE TABLE job (job_id UUID PRIMARY KEY, status TEXT, host TEXT)")
        database.execute("""
            CREATE TABLE m (id UUID, configuration_id TEXT, value DOUBLE, samples FLOAT[])
        """)

    def enqueue(self, job_ids: list[str]) -> None:
        """See :class:`Side`."""
        for start in range(0, len(job_ids), BATCH):
            self._database.execute(
                "INSERT INTO job SELECT unnest(?::UUID[]), 'queued', NULL",
                [job_ids[start : start + BATCH]],
            )

    def work(self, host: int, jobs: int, at_once: int) -> None:
        """See :class:`Side`."""
        for start in range(0, jobs, at_once):
            claimed = self._database.execute(
                "UPDATE job SET status = 'claimed', host = ? WHERE job_id IN "
                "(SELECT job_id FROM job WHERE status = 'queued' LIMIT ?) RETURNING job_id",
                [f"host-{host}", min(at_once, jobs - start)],
            ).fetchall()
            ids = [job_id for (job_id,) in claimed]
            self._database.execute(
                "INSERT INTO m SELECT unnest(?::UUID[]), ?, 20.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
                [ids, HERE],
            )
            self._database.execute(
                "UPDATE job SET status = 'finished' WHERE job_id IN (SELECT unnest(?::UUID[]))",
                [ids],
            )

    def asking(self) -> Callable[[], object]:
        """See :class:`Side`."""
        cursor = self._database.cursor()
        question = QUESTION.format(value="value", table="m")
        return lambda: cursor.execute(question, [HERE]).fetchall()

    def finished(self) -> int:
        """See :class:`Side`."""
        ((count,),) = self._database.execute(
            "SELECT count(DISTINCT job_id) FROM job WHERE status = 'finished'"
        ).fetchall()
        return int(count)


def load(side: Side, jobs: int) -> Figures:
    """Queue ``jobs`` and do half of them one at a time, the others sixteen at a time."""
    found = Figures()
    ids = [new_id() for _ in range(jobs)]
    began = time.perf_counter()
    with ThreadPoolExecutor(side.clients) as pool:
        list(pool.map(side.enqueue, [ids[n :: side.clients] for n in range(side.clients)]))
    found.enqueued_per_s = jobs / (time.perf_counter() - began)
    share = jobs // 2 // side.hosts
    for at_once in (1, 16):
        with asked(side) as found.question_ms[at_once]:
            began = time.perf_counter()
            with ThreadPoolExecutor(side.hosts) as pool:
                for host in [pool.submit(side.work, n, share, at_once) for n in range(side.hosts)]:
                    host.result()
            found.done_per_s[at_once] = share * side.hosts / (time.perf_counter() - began)
    assert side.finished() == jobs, "not every job was done once"
    return found


@contextmanager
def asked(side: Side) -> Iterator[list[float]]:
    """Ask one question after the other during the block; gives what each took, in ms."""
    taken: list[float] = []
    stop = threading.Event()

    def repeat() -> None:
        ask = side.asking()
        while not stop.is_set():
            began = time.perf_counter()
            ask()
            taken.append((time.perf_counter() - began) * 1e3)

    reader = threading.Thread(target=repeat)
    reader.start()
    yield taken
    stop.set()
    reader.join()


def lines(found: Figures) -> dict[str, str]:
    """Return the figures of one side by what they are of."""
    told = {"jobs queued a second": f"{found.enqueued_per_s:,.0f}"}
    for at_once, done in found.done_per_s.items():
        taken = sorted(found.question_ms[at_once])
        middle, most = statistics.median(taken), taken[len(taken) * 95 // 100]
        how = f"{at_once} at a time"
        told[f"jobs claimed, written and finished a second, {how}"] = f"{done:,.0f}"
        told[f"a median over the configuration meanwhile ({how}): middle, 95 %, worst ms"] = (
            f"{middle:.1f}, {most:.1f}, {taken[-1]:.0f}"
        )
    return told


@contextmanager
def served(path: Path) -> Iterator[None]:
    """Serve a new store by a process of its own, as people do."""
    with connect(path) as store:
        store.write(BASE)
    command = [sys.executable, "-m", "latbase", "--store", str(path), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as service:
        assert service.stdout is not None
        service.stdout.readline()  # it says where it answers when it does
        yield
        service.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000)
    jobs = parser.parse_args().jobs // (2 * HOSTS) * 2 * HOSTS
    print(f"DuckDB {duckdb.__version__}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="latbase-bench-") as name:
        folder = Path(name)
        with served(folder / "served.duckdb"):
            ours = lines(load(Served(folder / "served.duckdb"), jobs))
        with duckdb.connect(str(folder / "bare.duckdb")) as database:
            bare = lines(load(Bare(database), jobs))
    print(f"| {jobs:,} jobs | latbase, over HTTP | bare DuckDB, in process |\n|---|---|---|")
    for name, figure in ours.items():
        print(f"| {name} | {figure} | {bare[name]} |")


if __name__ == "__main__":
    main()

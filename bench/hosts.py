"""What so many hosts ask of two services on PostgreSQL, at a daemon's own rate, over real HTTP.

python bench/hosts.py --postgres postgresql://user@host/database [--hosts 500] [--idle 0]

The database must be empty. Hosts are moments in a timetable: 64 connections take the steps each
daemon would, of one to four requests, when it would. A step that comes late because all connections
wait counts as slow, from the moment it was due.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fleet import BASE, HERE, HOST, SUBNETS, measurement

from latbase.db import Store, connect
from latbase.db.jobs import MAX_LEASE_S, JobRequest, new_id
from latbase.db.postgres_store import PostgresStore
from latbase.errors import StoreError
from latbase.profiler.daemon import CLAIMED_TOGETHER, HEARTBEAT_S, POLL_S, RENEW_S

CONNECTIONS = 64
MEASURED_S = 10.0
"""What a sub-network takes on a host."""

HELD = 8
"""Jobs in each host's hands at the beginning, and as many again waiting for it."""

QUEUED = (
    "SELECT count(*) AS jobs FROM job WHERE status IN ('queued', 'claimed') "
    "AND configuration_id IN (SELECT unnest(?::VARCHAR[]))"
)


class Hosts:
    """What every simulated daemon holds, and what it sends."""

    def __init__(self, count: int) -> None:
        self._held: list[list[str]] = [[] for _ in range(count)]

    def take(self, store: Store, host: int, limit: int = CLAIMED_TOGETHER) -> None:
        """Claim jobs and keep them."""
        jobs = store.jobs.claim(name(host), able(host), limit=limit, lease_s=MAX_LEASE_S)
        self._held[host] += [job.job_id for job in jobs]

    def heartbeat(self, store: Store, host: int) -> None:
        """Say that the host is alive."""
        store.write([replace(HOST, host_id=name(host), seen_at=datetime.now(UTC))])

    def renew(self, store: Store, host: int) -> None:
        """Renew the leases."""
        store.jobs.heartbeat(name(host), self._held[host], lease_s=MAX_LEASE_S)

    def look(self, store: Store, host: int) -> None:
        """Ask, as a daemon without work does, what there is to do."""
        store.query(
            "SELECT * FROM configuration WHERE hardware_id = ? AND configuration_id IN "
            "(SELECT unnest(?::VARCHAR[]))",
            [HOST.hardware_id, able(host)],
        )
        store.query(QUEUED, [able(host)])

    def claim(self, store: Store, host: int) -> None:
        """Find that there is work, and take as much as is measured together."""
        self.look(store, host)
        self.take(store, host)

    def deliver(self, store: Store, host: int) -> None:
        """Hand over one sub-network: three metrics, and that its job is done."""
        store.write([replace(measurement(host), metric=f"metric_{n}") for n in range(3)])
        if self._held[host]:
            store.jobs.finish(name(host), [self._held[host].pop()])


def name(host: int) -> str:
    return f"host-{host}"


def able(host: int) -> list[str]:
    """Return the five or so configurations a host can measure."""
    return HERE[host % 10 :: 10]


def timetable(hosts: int, idle: int, seconds: float) -> list[tuple[float, int, str]]:
    """Return when which host sends what; every daemon began at a moment of its own."""
    working = {
        "heartbeat": HEARTBEAT_S,
        "renew": RENEW_S,
        "claim": MEASURED_S * CLAIMED_TOGETHER,
        "deliver": MEASURED_S,
    }
    waiting = {"heartbeat": HEARTBEAT_S, "look": POLL_S}
    moments, rng = [], random.Random(0)
    for host in range(hosts):
        for kind, period in (waiting if host < idle else working).items():
            moment = rng.uniform(0, period)
            while moment < seconds:
                moments.append((moment, host, kind))
                moment += period
    return sorted(moments)


def send(
    moments: list[tuple[float, int, str]], hosts: Hosts, urls: list[str]
) -> tuple[dict[str, list[float]], Counter[str], float]:
    """Send everything when it is due; returns milliseconds and failures by kind, and seconds."""
    taken: dict[str, list[float]] = defaultdict(list)
    failed: Counter[str] = Counter()
    lock, queue, began = threading.Lock(), iter(moments), time.perf_counter()

    def work(connection: int) -> None:
        with connect(urls[connection % len(urls)]) as store:
            while True:
                with lock:
                    due, host, kind = next(queue, (0.0, 0, ""))
                if not kind:
                    return
                time.sleep(max(0.0, began + due - time.perf_counter()))
                request: Callable[[Store, int], None] = getattr(hosts, kind)
                try:
                    request(store, host)
                except StoreError:
                    failed[kind] += 1
                taken[kind].append((time.perf_counter() - began - due) * 1e3)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(CONNECTIONS)))
    return taken, failed, time.perf_counter() - began


@contextmanager
def services(url: str) -> Iterator[list[str]]:
    command = [sys.executable, "-m", "latbase", "serve", "--backend", url, "--port", "0"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        yield [str(each.stdout and each.stdout.readline()).strip() for each in running]
    finally:
        for each in running:
            each.terminate()
            each.communicate()


def prepare(url: str, lake: Path, count: int, idle: int) -> Hosts:
    """Make the store, queue jobs, and put the first into the hands of hosts that are not idle."""
    hosts = Hosts(count)
    with PostgresStore(url, lake, move_s=None) as store:
        store.write([*BASE, *(replace(HOST, host_id=name(host)) for host in range(count))])
        store.jobs.enqueue(
            [
                JobRequest(
                    job_id=new_id(),
                    subnet_id=SUBNETS[number % len(SUBNETS)].subnet_id,
                    configuration_id=HERE[number % len(HERE)],
                )
                for number in range(2 * HELD * (count - idle))
            ]
        )
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda host: hosts.take(store, host, HELD), range(idle, count)))
    return hosts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="address of an empty database; nothing runs without")
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--idle", type=int, default=0, help="hosts that find nothing to do")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.postgres is None:
        return
    moments = timetable(options.hosts, options.idle, options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        hosts = prepare(options.postgres, Path(folder) / "lake", options.hosts, options.idle)
        load = os.getloadavg()[0]
        with services(options.postgres) as urls:
            taken, failed, seconds = send(moments, hosts, urls)
    rate = len(moments) / options.seconds
    print(f"{options.hosts} hosts, {options.idle} of them idle: {rate:,.0f} steps due a second,")
    print(f"{len(moments) / seconds:,.0f} done, on {os.cpu_count()} CPUs (load {load:.1f})")
    print(f"{'':10} {'sent':>8} {'failed':>8} {'median ms':>10} {'95 % ms':>10}")
    for kind, each in taken.items():
        middle, most = statistics.median(each), sorted(each)[len(each) * 95 // 100]
        print(f"{kind:10} {len(each):8,} {failed[kind]:8,} {middle:10.1f} {most:10.1f}")


if __name__ == "__main__":
    main()

"""Two services on one PostgreSQL, 32 hosts, 20,000 jobs, and kill -9 of each in the middle."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from latbase.db import Store, connect, upkeep
from latbase.db.jobs import Job, JobRequest, new_id
from latbase.db.postgres_store import PostgresStore
from latbase.errors import StoreError
from tests.integration.db.cluster import Cluster, cluster
from tests.integration.db.samples import World

WORLD = World()
HERE = WORLD.configuration.configuration_id
JOBS, HOSTS, AT_ONCE, SUBNETS = 20_000, 32, 50, 500
LEASE_S = 5.0
"""Short, so that what a killed service handed out comes back within the test."""
T = TypeVar("T")

SERVE = """
import sys
from pathlib import Path
from latbase.db.postgres_store import PostgresStore
from latbase.db.service.running import Service
url, lake, port = sys.argv[1:]
with PostgresStore(url, Path(lake), move_s=1) as store, Service(store, port=int(port)) as service:
    print(service.url, flush=True)
    service.wait()
"""


class Served:
    """A service as a process that can be killed and started again on the same port."""

    def __init__(self, url: str, lake: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._arguments = [url, str(lake), str(free.getsockname()[1])]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, *self._arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def services(own_cluster: Cluster, tmp_path: Path) -> Iterator[list[Served]]:
    url, lake = own_cluster.new_database(), tmp_path / "lake"
    with PostgresStore(url, lake, move_s=None) as store:
        store.write([*WORLD.base(SUBNETS), WORLD.search()])
    running = [Served(url, lake) for _ in range(2)]
    yield running
    for one in running:
        one.kill()


def deliver(host_id: str, jobs: list[Job], store: Store) -> None:
    """Write a measurement per job, named like it, then say that it is done."""
    store.write(
        [
            replace(WORLD.measurement(), measurement_id=job.job_id, subnet_id=job.subnet_id)
            for job in jobs
        ]
    )
    store.jobs.finish(host_id, [job.job_id for job in jobs])


class Fleet:
    """Hosts that measure in no time and deliver over real HTTP, as daemons do."""

    def __init__(self, services: list[Served]) -> None:
        self._services = services
        self._stop_at_s = time.monotonic() + 240
        self.acknowledged: set[str] = set()
        self._lock = threading.Lock()

    def work(self, host: int) -> None:
        with connect(self._services[0].url) as one, connect(self._services[1].url) as two:
            self._work_with([one, two], host)

    def _work_with(self, stores: list[Store], host: int) -> None:
        name, turn = f"host-{host}", host

        def insist(call: Callable[[Store], T]) -> T:
            """Try one service after the other until one has done it."""
            nonlocal turn
            while True:
                try:
                    return call(stores[turn % 2])
                except StoreError:
                    assert time.monotonic() < self._stop_at_s
                    turn += 1
                    time.sleep(0.05)

        while len(self.acknowledged) < JOBS:
            jobs = insist(
                lambda store: store.jobs.claim(name, [HERE], limit=AT_ONCE, lease_s=LEASE_S)
            )
            if not jobs:
                time.sleep(0.1)
                continue
            insist(partial(deliver, name, jobs))
            with self._lock:
                self.acknowledged.update(job.job_id for job in jobs)

    def wait_for(self, done: int) -> None:
        while len(self.acknowledged) < done:
            assert time.monotonic() < self._stop_at_s
            time.sleep(0.01)


def restart(server: Cluster) -> None:
    """Start PostgreSQL again as soon as its orphans are gone."""
    while True:
        try:
            server.start()
        except subprocess.CalledProcessError:
            time.sleep(0.2)
        else:
            return


@pytest.mark.slow
def test_kills_lose_nothing_and_double_nothing(
    own_cluster: Cluster, services: list[Served]
) -> None:
    with connect(services[0].url) as store:
        for start in range(0, JOBS, 5000):
            store.jobs.enqueue(
                [
                    JobRequest(
                        job_id=new_id(),
                        subnet_id=WORLD.subnet(number % SUBNETS).subnet_id,
                        configuration_id=HERE,
                        search_id=WORLD.search().search_id if number % 3 else None,
                    )
                    for number in range(start, start + 5000)
                ]
            )
    fleet = Fleet(services)
    with ThreadPoolExecutor(HOSTS) as pool:
        hosts = [pool.submit(fleet.work, host) for host in range(HOSTS)]
        fleet.wait_for(JOBS // 5)
        services[0].kill()
        services[0].start()
        fleet.wait_for(2 * JOBS // 5)
        own_cluster.kill()
        restart(own_cluster)
        fleet.wait_for(3 * JOBS // 5)
        services[1].kill()
        services[1].start()
        for host in hosts:
            host.result()

    with connect(services[1].url) as store:
        found = store.query("SELECT measurement_id::VARCHAR AS id FROM measurement")["id"]
        assert len(found) == JOBS
        assert set(found.to_pylist()) == fleet.acknowledged
        jobs = store.query("SELECT status, count(*) AS n FROM job GROUP BY status").to_pylist()
        assert jobs == [{"status": "finished", "n": JOBS}]
        assert store.query("SELECT max(attempts) AS n FROM job")["n"].to_pylist()[0] < 4
        assert upkeep.check(store) == []

"""Many clients and hosts at once, over real sockets."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from latbase.db import connect
from latbase.db.jobs import JobRequest, new_id
from latbase.db.service.running import Service
from tests.integration.db.samples import World

WORLD = World()
HERE = WORLD.configuration.configuration_id
JOBS, CLIENTS, HOSTS, AT_ONCE = 5_000, 8, 16, 25


@pytest.mark.slow
def test_every_job_is_done_once(service: Service) -> None:
    """Eight clients queue while sixteen hosts already claim and finish."""
    requests = [
        JobRequest(
            job_id=new_id(), subnet_id=WORLD.subnet(number % 50).subnet_id, configuration_id=HERE
        )
        for number in range(JOBS)
    ]
    all_queued = threading.Event()
    with connect(service.url) as store:
        store.write(WORLD.base(50))

    def enqueue(client: int) -> None:
        with connect(service.url) as store:
            mine = requests[client::CLIENTS]
            for start in range(0, len(mine), 100):
                store.jobs.enqueue(mine[start : start + 100])

    def work(host: int) -> list[str]:
        done: list[str] = []
        with connect(service.url) as store:
            while True:
                last = all_queued.is_set()
                claimed = [
                    job.job_id for job in store.jobs.claim(f"host-{host}", [HERE], limit=AT_ONCE)
                ]
                if claimed:
                    store.jobs.finish(f"host-{host}", claimed)
                    done += claimed
                elif last:
                    return done

    with ThreadPoolExecutor(CLIENTS + HOSTS) as pool:
        hosts = [pool.submit(work, host) for host in range(HOSTS)]
        clients = [pool.submit(enqueue, client) for client in range(CLIENTS)]
        for client in clients:
            client.result()
        all_queued.set()
        done = [job_id for host in hosts for job_id in host.result()]

    assert len(done) == JOBS
    assert set(done) == {request.job_id for request in requests}
    with connect(service.url) as store:
        counts = store.query("SELECT status, attempts, count(*) AS n FROM job GROUP BY ALL")
    assert counts.to_pylist() == [{"status": "finished", "attempts": 1, "n": JOBS}]

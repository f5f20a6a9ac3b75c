"""A search that has its sub-networks measured by another host."""

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from latbase import supernets
from latbase.db import Store, connect, queueing
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import (
    STABLE,
    Configuration,
    Environment,
    Hardware,
    Host,
    Measurement,
    SearchStatus,
)
from latbase.db.records import Search as SearchRecord
from latbase.searcher.remote import Remote

NETWORK = supernets.load("ofa_mbv3_d234_e346_k357_w1.0")
HARDWARE = Hardware.of({"cpu_brand": "Graviton"})
ENVIRONMENT = Environment.of({"torch": "2.13.0"})
ELSEWHERE = Configuration.of(hardware_id=HARDWARE.hardware_id)
UNSEEN = Hardware.of({"cpu_brand": "Cortex"})
NOWHERE = Configuration.of(hardware_id=UNSEEN.hardware_id)
GENOTYPES = NETWORK.space.sample(6, 0)


def host(silent: timedelta = timedelta()) -> Host:
    return Host(
        host_id="far",
        host_name="far",
        hardware_id=HARDWARE.hardware_id,
        latbase_version="0.1.0",
        seen_at=datetime.now(UTC) - silent,
    )


def fill(store: Store) -> None:
    """Write a search, and the host that is to measure for it."""
    search = SearchRecord(
        search_id="s1",
        supernet_id=supernet_of(NETWORK).supernet_id,
        configuration_id=ELSEWHERE.configuration_id,
        tactic="random",
        objectives=({"name": "latency_ms", "optimize": True},),
        options={},
        seed=0,
        status=SearchStatus.RUNNING,
        created_at=datetime.now(UTC),
    )
    store.write([HARDWARE, ENVIRONMENT, host(), supernet_of(NETWORK), ELSEWHERE, search])


@pytest.fixture
def store() -> Iterator[Store]:
    with connect(":memory:") as opened:
        fill(opened)
        yield opened


def remote(store: Store, said: list[str]) -> Remote:
    return Remote(
        store=store,
        network=NETWORK,
        configuration_id=ELSEWHERE.configuration_id,
        search_id="s1",
        on_event=said.append,
        poll_s=0.01,
    )


def measurement(subnet_id: str) -> Measurement:
    return Measurement(
        measurement_id=str(uuid.uuid4()),
        subnet_id=subnet_id,
        configuration_id=ELSEWHERE.configuration_id,
        environment_id=ENVIRONMENT.environment_id,
        host_id="far",
        metric="latency_ms",
        value=3.0,
        interval=(3.0, 3.0),
        statistic="median",
        samples=(3.0,),
        verdict=STABLE,
        stopped_by="rounds",
        protocol={},
        conditions={},
        measured_at=datetime.now(UTC),
    )


def work(store: Store, jobs: int, broken: str | None = None) -> None:
    """Do that many jobs as a daemon would, but one sub-network always fails."""
    done = 0
    while done < jobs:
        for job in store.jobs.claim("far", [ELSEWHERE.configuration_id]):
            if job.subnet_id == broken:
                done += store.jobs.fail("far", job.job_id, "out of memory") == "failed"
                continue
            store.write([measurement(job.subnet_id)])
            store.jobs.finish("far", [job.job_id])
            done += 1


def values(store: Store) -> list[float | None]:
    ids = [subnet.subnet_id for subnet in subnets_of(NETWORK, GENOTYPES)]
    found = store.query("SELECT subnet_id, latency_ms FROM latency").to_pylist()
    known = {row["subnet_id"]: row["latency_ms"] for row in found}
    return [known.get(each) for each in ids]


def test_it_returns_when_another_host_has_delivered(store):
    daemon = threading.Thread(target=work, args=(store, 6))
    daemon.start()
    said: list[str] = []
    remote(store, said)(GENOTYPES)
    daemon.join()
    assert values(store) == [3.0] * 6
    assert said == []
    assert store.query("SELECT DISTINCT search_id FROM job")["search_id"].to_pylist() == ["s1"]


def test_what_fails_for_good_is_said_and_has_no_value(store):
    broken = subnets_of(NETWORK, GENOTYPES)[2].subnet_id
    daemon = threading.Thread(target=work, args=(store, 6, broken))
    daemon.start()
    said: list[str] = []
    remote(store, said)(GENOTYPES)
    daemon.join()
    assert values(store)[2] is None
    assert said == ["failed: out of memory"]


def test_a_killed_search_finds_its_jobs_and_asks_nothing_twice(store):
    queueing.enqueue(
        store, NETWORK, GENOTYPES, ELSEWHERE.configuration_id, search_id="s1"
    )  # and was killed
    daemon = threading.Thread(target=work, args=(store, 6))
    daemon.start()
    remote(store, [])(GENOTYPES)
    daemon.join()
    assert queueing.counts(store) == {"finished": 6}


def test_a_host_that_never_came_is_waited_for_and_said(store):
    store.write([UNSEEN, NOWHERE])
    said: list[str] = []
    waiting = replace(remote(store, said), configuration_id=NOWHERE.configuration_id)
    search = threading.Thread(target=waiting, args=(GENOTYPES,), daemon=True)
    search.start()
    until = time.monotonic() + 30
    while not said and time.monotonic() < until:
        time.sleep(0.01)
    assert "has ever reported; the search waits. Run latbase daemon run there." in said[0]
    store.jobs.cancel(queueing.open_jobs(store, None))
    search.join(30)
    assert not search.is_alive()


def test_a_host_that_fell_silent_is_away(store):
    gone = replace(host(timedelta(hours=2)), host_id="gone", hardware_id=UNSEEN.hardware_id)
    store.write([UNSEEN, NOWHERE, gone])
    silent_s = queueing.silence_s(store, NOWHERE.configuration_id)
    assert silent_s is not None
    assert 7200 <= silent_s < 7300

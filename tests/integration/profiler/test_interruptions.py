"""A daemon whose store is away, or not what answers, and one whose jobs may go elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latbase import db
from latbase.db import Store
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import LEASE_S, JobRequest, new_id
from latbase.db.service.running import Service
from latbase.errors import StoreError
from latbase.profiler import Fingerprint
from latbase.profiler.daemon import RENEW_S, Daemon, Orders, offers
from latbase.profiler.link import Link
from latbase.profiler.presence import Presence
from tests.integration.db.samples import World
from tests.integration.proxy import ELSEWHERE, LOGIN, Answer, proxy

WORLD = World()
TOO_BIG = Answer(status=413, body=b'{"error": "InvalidInputError", "message": "too big"}')
NOT_FOUND = Answer(status=404, body=b'{"error": "UnknownNameError", "message": "not found"}')


@pytest.fixture(autouse=True)
def _unhurried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Measure for a minute; keep what the daemon says; and stay as nice, for the next tests."""
    (tmp_path / "slow").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "slow").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "slow"))
    monkeypatch.setattr("os.nice", lambda _: 0)
    caplog.set_level(logging.INFO, "latbase.daemon")


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[DuckDbStore]:
    with DuckDbStore(tmp_path / "latency.duckdb") as opened:
        yield opened


@contextmanager
def daemon_of(
    connect: Callable[[], Store], found: Fingerprint, state_dir: Path
) -> Iterator[Daemon]:
    link = Link("http://as.if.served", connect)
    here = Presence(pid=1, store=link.target, since="now")
    daemon = Daemon(link, found, Orders(state_dir=state_dir), here)
    try:
        yield daemon
    finally:
        daemon._workload.close()
        link.drop()


def step(daemon: Daemon) -> None:
    """Take a step that looks at the store, whatever came of the last one."""
    daemon._retry_at = 0.0
    daemon._heartbeat.reset()
    daemon.step()


def take_a_job(daemon: Daemon, store: Store, found: Fingerprint) -> str:
    job_id = new_id()
    configuration_id = offers(found)[0].configuration_id
    daemon.step()
    store.write(WORLD.base())
    store.jobs.enqueue(
        [
            JobRequest(
                job_id=job_id,
                subnet_id=WORLD.subnet(0).subnet_id,
                configuration_id=configuration_id,
            )
        ]
    )
    step(daemon)
    assert daemon._workload.job_ids == {job_id}
    return job_id


@pytest.mark.parametrize("answer", [LOGIN, ELSEWHERE, TOO_BIG, NOT_FOUND, Answer(status=502)])
def test_whatever_answers_for_a_while_ends_no_daemon(
    owned: DuckDbStore,
    this_host: Fingerprint,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
) -> None:
    with (
        Service(owned) as service,
        proxy(service.url) as between,
        daemon_of(lambda: db.connect(between.url), this_host, tmp_path / "state") as daemon,
    ):
        step(daemon)
        between.answer = answer
        for _ in range(2):  # with the store open, and while it is opened again
            step(daemon)
        between.answer = None
        step(daemon)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["connected", "store_unavailable", "store_unavailable", "connected"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_daemon_waits_for_a_service_whose_proxy_is_there_first(
    owned: DuckDbStore,
    this_host: Fingerprint,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    with (
        Service(owned) as service,
        proxy(service.url, Answer(status=status)) as between,
        daemon_of(lambda: db.connect(between.url), this_host, tmp_path / "state") as daemon,
    ):
        step(daemon)
        between.answer = None
        step(daemon)
    assert [record.getMessage() for record in caplog.records] == ["store_unavailable", "connected"]


def test_a_daemon_that_never_reached_a_service_says_so_and_ends(
    this_host: Fingerprint, tmp_path: Path
) -> None:
    with (
        proxy(answer=LOGIN) as stranger,
        daemon_of(lambda: db.connect(stranger.url), this_host, tmp_path / "state") as daemon,
        pytest.raises(StoreError, match=stranger.url),
    ):
        step(daemon)


def test_leases_are_renewed_long_before_they_run_out(
    owned: DuckDbStore, this_host: Fingerprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leased_until() -> float:
        found = owned.query("SELECT epoch(leased_until) AS s FROM job")
        until_s: float = found["s"][0].as_py()
        return until_s

    assert 3 * RENEW_S < LEASE_S, "two renewals may fail"
    with daemon_of(lambda: owned, this_host, tmp_path / "state") as daemon:
        take_a_job(daemon, owned, this_host)
        step(daemon)
        before, monotonic = leased_until(), time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: monotonic() + RENEW_S)
        step(daemon)
        assert leased_until() > before


def test_a_result_that_waits_is_delivered_though_the_lease_is_lost(
    owned: DuckDbStore, this_host: Fingerprint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with daemon_of(lambda: owned, this_host, tmp_path / "state") as daemon:
        job_id = take_a_job(daemon, owned, this_host)
        owned.jobs.cancel([job_id])
        # As the measuring process does between the two parts of a step.
        daemon._outbox.put(job_id, [WORLD.measurement()])
        daemon._renew(owned)
        assert daemon._workload.job_ids == {job_id}
        step(daemon)
        assert not daemon._workload.job_ids
        assert owned.query("FROM measurement").num_rows == 1
    assert "jobs_lost" not in [record.getMessage() for record in caplog.records]


def test_a_job_that_was_called_off_is_dropped(
    owned: DuckDbStore, this_host: Fingerprint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with daemon_of(lambda: owned, this_host, tmp_path / "state") as daemon:
        owned.jobs.cancel([take_a_job(daemon, owned, this_host)])
        daemon._renewal.reset()
        step(daemon)
        assert not daemon._workload
    assert "jobs_lost" in [record.getMessage() for record in caplog.records]

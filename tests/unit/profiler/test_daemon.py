"""The daemon's parts, each alone; the daemon as a whole is tested as a process."""

import dataclasses
import json
import logging
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from latbase import db, settings
from latbase.db import Store
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import JobRequest, JobStatus, new_id
from latbase.db.records import Configuration
from latbase.db.service.running import Service
from latbase.errors import DaemonError, StoreError
from latbase.profiler import locks, presence
from latbase.profiler.assignment import Assignment
from latbase.profiler.daemon import Daemon, Every, Orders, offers
from latbase.profiler.feasibility import possible
from latbase.profiler.fingerprint import Fingerprint, fingerprint
from latbase.profiler.journal import JsonLines
from latbase.profiler.link import Link
from latbase.profiler.notify import notify
from latbase.profiler.outbox import Outbox
from tests.integration.db.samples import World

WORLD = World()
HOST = "host-1"


@pytest.fixture
def store() -> Iterator[Store]:
    with db.connect(":memory:") as store:
        store.write(WORLD.base())
        yield store


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    return fingerprint(tmp_path_factory.mktemp("host"))


def claimed(store: Store, *, attempts: int = 1) -> str:
    request = JobRequest(
        job_id=new_id(),
        subnet_id=WORLD.subnet(0).subnet_id,
        configuration_id=WORLD.configuration.configuration_id,
        max_attempts=attempts,
    )
    store.jobs.enqueue([request])
    store.jobs.claim(HOST, [request.configuration_id])
    return request.job_id


def jobs(store: Store) -> list[tuple[str, str | None]]:
    rows = store.query("SELECT status, error FROM job").to_pylist()
    return [(row["status"], row["error"]) for row in rows]


def test_what_was_measured_is_delivered_and_gone(store: Store, outbox: Outbox):
    job_id, measurement = claimed(store), WORLD.measurement()
    outbox.put(job_id, [WORLD.subnet(0), measurement])
    assert outbox.waiting() == {job_id}
    (delivered,) = outbox.deliver(store, HOST)
    assert (delivered.status, delivered.reason) == (JobStatus.FINISHED, None)
    assert not outbox.waiting()
    assert jobs(store) == [("finished", None)]
    found = store.query("SELECT measurement_id::VARCHAR AS id FROM measurement")["id"]
    assert found.to_pylist() == [measurement.measurement_id]


def test_delivering_again_after_a_kill_changes_nothing(store: Store, outbox: Outbox):
    job_id, measurement = claimed(store), WORLD.measurement()
    for _ in range(2):  # the first time the acknowledgement was lost
        outbox.put(job_id, [measurement])
        list(outbox.deliver(store, HOST))
    assert store.query("SELECT count(*) AS n FROM measurement")["n"].to_pylist() == [1]
    assert jobs(store) == [("finished", None)]


@pytest.mark.parametrize(("attempts", "status"), [(1, "failed"), (2, "queued")])
def test_a_failure_is_told_with_its_reason(
    store: Store, outbox: Outbox, attempts: int, status: str
):
    outbox.put_failure(claimed(store, attempts=attempts), "out of memory: 3 GiB were asked for")
    (delivered,) = outbox.deliver(store, HOST)
    assert delivered.status == status
    assert jobs(store) == [(status, "out of memory: 3 GiB were asked for")]


def test_what_the_store_never_takes_is_set_aside_and_the_job_fails(store: Store, outbox: Outbox):
    job_id = claimed(store)
    outbox.put(job_id, [dataclasses.replace(WORLD.measurement(), host_id="nobody")])
    refused, failed = [each for _ in range(2) for each in outbox.deliver(store, HOST)]
    assert refused.status is None
    assert "nobody" in str(refused.reason)
    assert failed.status is JobStatus.FAILED
    assert "The store refused the result" in str(jobs(store)[0][1])
    assert [path.suffix for path in outbox.folder.iterdir()] == [".refused"]
    assert not outbox.waiting()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("x" * 10_001, "x" * 10_000),
        ("", "it failed without a reason"),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("cannot read \udcff", "cannot read ?"),
    ],
)
def test_every_reason_is_one_that_a_service_takes(
    tmp_path: Path, outbox: Outbox, reason: str, told: str
):
    with (
        DuckDbStore(tmp_path / "latency.duckdb") as owned,
        Service(owned) as service,
        db.connect(service.url) as store,
    ):
        store.write(WORLD.base())
        outbox.put_failure(claimed(store), reason)
        (delivered,) = outbox.deliver(store, HOST)
        assert delivered.status is JobStatus.FAILED
        ((_, error),) = jobs(store)
        assert str(error).startswith(told)
        assert len(str(error)) <= 10_000


def test_a_reason_that_is_no_text_is_told_as_far_as_it_is(store: Store, outbox: Outbox):
    (outbox.folder / f"{claimed(store)}.failed").write_bytes(b"file \xff\xfe is bad")
    list(outbox.deliver(store, HOST))
    assert jobs(store) == [("failed", "file \ufffd\ufffd is bad")]


def test_a_result_that_lost_its_content_finishes_no_job(store: Store, outbox: Outbox):
    (outbox.folder / f"{claimed(store)}.arrow").touch()
    list(outbox.deliver(store, HOST))
    list(outbox.deliver(store, HOST))
    ((status, error),) = jobs(store)
    assert status == "failed"
    assert "The body is empty" in str(error)


def test_without_the_store_everything_stays(store: Store, outbox: Outbox):
    job_id = claimed(store)
    outbox.put(job_id, [WORLD.measurement()])
    store.close()
    with pytest.raises(StoreError, match="closed"):
        list(outbox.deliver(store, HOST))
    assert Outbox(outbox.folder).waiting() == {job_id}


def test_the_oldest_is_delivered_first(store: Store, outbox: Outbox):
    younger, older = sorted(claimed(store) for _ in range(2))
    for at, job_id in ((1, older), (2, younger)):
        outbox.put_failure(job_id, "out of memory")
        os.utime(outbox.folder / f"{job_id}.failed", (at, at))
    assert [each.job_id for each in outbox.deliver(store, HOST)] == [older, younger]


def test_half_a_file_is_no_result(outbox: Outbox):
    (outbox.folder / f"{new_id()}.arrow.draft").write_bytes(b"half")
    assert not outbox.waiting()


def test_an_assignment_survives_the_pipe(tmp_path: Path):
    assignment = Assignment(
        supernet="toy",
        supernet_id=WORLD.supernet.supernet_id,
        configuration=WORLD.configuration,
        jobs={new_id(): WORLD.subnet(number) for number in range(3)},
        sources=("/a file.py:Net",),
        state_dir=tmp_path,
        outbox=tmp_path / "outbox",
        preset="quick",
    )
    assert Assignment.from_json(assignment.to_json()) == assignment


def test_there_is_one_daemon_per_state_directory(tmp_path: Path):
    assert presence.running(tmp_path) is None
    with presence.only_daemon(tmp_path, "store.duckdb") as first:
        presence.publish(tmp_path, dataclasses.replace(first, finished=3))
        found = presence.running(tmp_path)
        assert found is not None
        assert (found.store, found.finished) == ("store.duckdb", 3)
        with (
            pytest.raises(DaemonError, match=rf"already \(process {first.pid}, on store.duckdb"),
            presence.only_daemon(tmp_path, "another"),
        ):
            pass
    assert presence.running(tmp_path) is None
    with presence.only_daemon(tmp_path, "another"):
        pass


def test_two_users_of_a_host_have_one_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "RUN_LOCK", tmp_path)

    def by_default(user: str) -> Path:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / user))
        return settings.defaults().state_dir

    chosen = tmp_path / "a host of its own"
    with (
        presence.only_daemon(by_default("ann"), "hers"),
        presence.only_daemon(chosen, "another"),
        pytest.raises(DaemonError, match=rf"already \(process {os.getpid()}, of another user"),
        presence.only_daemon(by_default("bob"), "his"),
    ):
        pass
    with presence.only_daemon(by_default("bob"), "his"):
        pass


def test_a_host_offers_only_what_it_can_measure(found: Fingerprint):
    offered = offers(found)
    assert {each.device for each in offered} >= {"cpu"}
    assert all(possible(each, found) for each in offered)
    hardware_id = found.hardware.hardware_id
    too_many = Configuration.of(hardware_id=hardware_id, threads=found.effective_cpus + 1)
    assert not possible(too_many, found)
    without = dataclasses.replace(found, gpus=())
    assert not possible(Configuration.of(hardware_id=hardware_id, device="cuda"), without)


def test_due_at_first_and_then_after_a_while(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    every = Every(15)
    assert every.due()
    now = 114.9
    assert not every.due()
    now = 115.0
    assert every.due()
    every.reset()
    assert every.due()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool):
    name = f"latbase-{new_id()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_nobody_to_tell_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


def test_a_manager_that_does_not_listen_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        for _ in range(10_000):
            notify("WATCHDOG=1")


def test_an_event_is_one_line_of_json():
    record = logging.makeLogRecord(
        {"msg": "job_failed", "levelno": 30, "levelname": "WARNING", "facts": {"reason": "a\nb"}}
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert (event["event"], event["level"], event["reason"]) == ("job_failed", "warning", "a\nb")


def test_a_clock_set_back_silences_no_host(
    found: Fingerprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.nice", lambda _: 0)
    file = tmp_path / "latency.duckdb"
    link = Link("http://as.if.served", lambda: db.connect(file))
    here = presence.Presence(pid=1, store=link.target, since="now")
    daemon = Daemon(link, found, Orders(state_dir=tmp_path), here)

    def seen_at() -> datetime:
        daemon._heartbeat.reset()
        daemon.step()
        at: datetime = link.store().query("SELECT seen_at FROM host")["seen_at"][0].as_py()
        return at

    first = seen_at()
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
        assert seen_at() > first
    link.drop()


def test_jobs_claimed_before_the_hardware_changed_go_back(
    found: Fingerprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.nice", lambda _: 0)
    with db.connect(":memory:") as store:
        store.write(WORLD.base())
        store.write([dataclasses.replace(WORLD.host, host_id=found.host.host_id)])
        request = JobRequest(
            job_id=new_id(),
            subnet_id=WORLD.subnet(0).subnet_id,
            configuration_id=WORLD.configuration.configuration_id,
            max_attempts=1,
        )
        store.jobs.enqueue([request])
        assert store.jobs.claim(found.host.host_id, [request.configuration_id])
        link = Link("http://as.if.served", lambda: store)
        here = presence.Presence(pid=1, store=link.target, since="now")
        daemon = Daemon(link, found, Orders(state_dir=tmp_path), here)
        daemon.step()
        ((status, error),) = jobs(store)
        assert status == "failed"
        assert "is of other hardware than this host has now" in str(error)

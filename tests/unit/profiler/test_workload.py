"""What a daemon has measured, by processes that end otherwise than they should."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from latbase.db.jobs import new_id
from latbase.profiler.assignment import Assignment
from latbase.profiler.outbox import Outbox
from latbase.profiler.workload import Workload
from tests.integration.db.samples import World

WORLD = World()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def workload(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workload]:
    monkeypatch.setattr("os.nice", lambda _: 0)
    workload = Workload(outbox)
    yield workload
    workload.close()


def assignment(outbox: Outbox, *sources: str) -> Assignment:
    return Assignment(
        supernet="toy",
        supernet_id=WORLD.supernet.supernet_id,
        configuration=WORLD.configuration,
        jobs={new_id(): WORLD.subnet(0)},
        sources=sources,
        state_dir=outbox.folder.parent,
        outbox=outbox.folder,
        preset="quick",
    )


def reasons(outbox: Outbox) -> list[str]:
    return [path.read_text() for path in outbox.folder.glob("*.failed")]


def test_a_process_that_cannot_be_started_fails_its_job_alone(
    workload: Workload, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    workload.add([assignment(outbox), assignment(outbox)])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uninstalled"))
    workload.advance()
    (reason,) = reasons(outbox)
    assert "could not be started: [Errno 2] No such file" in reason
    assert workload, "the other job waits"
    workload.advance()
    assert len(outbox.waiting()) == 2
    assert not workload


def test_a_process_that_ends_before_it_has_read_its_jobs_fails_them(
    workload: Workload, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
):
    more_than_a_pipe_holds = "x" * 1_000_000
    workload.add([assignment(outbox, more_than_a_pipe_holds)])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    workload.advance()
    deadline = time.monotonic() + 10
    while workload:
        assert time.monotonic() < deadline
        workload.advance()
    (reason,) = reasons(outbox)
    assert "ended with status 1" in reason

"""Real timing children, killed for real."""

import dataclasses
import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from latbase.errors import MeasurementError
from latbase.profiler import Failure, Measured, doctor, measure
from latbase.profiler import child as children
from latbase.profiler.ledger import Block
from latbase.profiler.messages import REAL_TIME
from latbase.profiler.protocol import ProtocolSettings
from latbase.profiler.references import REFERENCE
from latbase.profiler.spool import Spool

from .conftest import FAST, TOY, Bench, measured

pytestmark = pytest.mark.usefixtures("private_locks")


def test_every_sub_network_gets_its_metrics(bench: Bench):
    subnets = bench.subnets(5)
    results = measured(list(bench.measure(*subnets, batch_size=2)))
    assert {result.subnet_id for result in results} == {subnet.subnet_id for subnet in subnets}
    for result in results:
        latency, throughput, *others = result.measurements
        assert latency.metric == "latency_ms"
        assert 0 < latency.interval[0] < latency.value < latency.interval[1]
        assert min(latency.samples) * 0.5 < latency.value < max(latency.samples) * 2
        assert len(latency.samples) == len(latency.cpu_samples) >= 6
        assert throughput.value == pytest.approx(2e3 / latency.value)
        assert {other.metric for other in others} >= {"peak_memory_bytes"}
        assert latency.conditions["before"]
        assert latency.conditions["after"]
        assert latency.protocol["name"] == "fast"
    assert len({m.measurement_id for r in results for m in r.measurements}) == sum(
        len(r.measurements) for r in results
    )


def test_a_larger_sub_network_takes_longer_and_more_memory(bench: Bench):
    small, large = bench.subnet(width=8, depth=2), bench.subnet(width=32, depth=4)
    found = {r.subnet_id: r for r in measured(list(bench.measure(small, large, input_size=64)))}
    for metric in (0, -1):
        assert (
            found[small.subnet_id].measurements[metric].value
            < found[large.subnet_id].measurements[metric].value
        )


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("raise", "RuntimeError: shapes cannot be multiplied"),
        ("crash", "SIGABRT"),
        ("killed", "not enough memory"),
    ],
)
@pytest.mark.parametrize("rounds_per_process", [None, 1])
def test_one_bad_sub_network_fails_alone(
    bench: Bench, behaviour: str, reason: str, rounds_per_process: int | None
):
    """Also where it dies in a copy of the process that was started."""
    settings = dataclasses.replace(FAST, rounds_per_process=rounds_per_process)
    good, bad = bench.subnets(2), bench.subnet(behaviour)
    results = list(bench.measure(good[0], bad, good[1], settings=settings))
    (failure,) = [result for result in results if isinstance(result, Failure)]
    assert failure.subnet_id == bad.subnet_id
    assert reason in failure.reason
    assert len(results) == 3


TO_THE_LAST_ROUND = dataclasses.replace(FAST, interval_percent=0.001)


def test_what_waits_for_its_processor_is_retried_then_kept_and_marked(bench: Bench):
    (waits,) = measured(list(bench.measure(bench.subnet("wait"), settings=TO_THE_LAST_ROUND)))
    latency = waits.measurements[0]
    assert len(latency.samples) == 2 * FAST.samples_per_visit * FAST.max_rounds
    assert latency.verdict == "disturbed"
    assert "ran only" in latency.reasons[0]


def test_what_was_disturbed_for_a_while_is_retried_until_it_is_not(bench: Bench):
    (wakes,) = measured(list(bench.measure(bench.subnet("wake"), settings=TO_THE_LAST_ROUND)))
    latency = wakes.measurements[0]
    started: Any = latency.conditions["started"]
    if started["scheduling"] != REAL_TIME:
        pytest.skip("without real-time priority other work may disturb it to the end")
    once = FAST.samples_per_visit * FAST.max_rounds
    assert once < len(latency.samples) <= 2 * once
    assert latency.verdict != "disturbed"


def test_a_sub_network_that_hangs_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(children, "ADD_TIMEOUT_S", 3.0)
    good, bad = bench.subnet(), bench.subnet("hang")
    results = list(bench.measure(bad, good))
    (failure,) = [result for result in results if isinstance(result, Failure)]
    assert "did not answer within 3 s" in failure.reason
    assert any("fresh process" in event for event in bench.events)
    assert any(isinstance(result, Measured) for result in results)


def test_a_supernet_that_does_not_load_says_so(bench: Bench, tmp_path: Path):
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(MeasurementError, match="nothing_of_that_name"):
        list(
            measure(
                bench.network,
                bench.subnets(1),
                bench.configuration(),
                fingerprint=bench.fingerprint,
                state_dir=tmp_path,
                loads_as=f"{tmp_path / 'broken.py'}:Toy",
            )
        )


def test_a_supernet_that_exits_fails_alone(bench: Bench):
    results = list(bench.measure(bench.subnet("exit"), bench.subnet()))
    (failure,) = [result for result in results if isinstance(result, Failure)]
    assert "SystemExit: 3" in failure.reason
    assert len(results) == 2


def test_last_words_in_no_known_encoding_are_shown_as_far_as_they_go(bench: Bench):
    (failure,) = list(bench.measure(bench.subnet("mumble")))
    assert isinstance(failure, Failure)
    assert "SIGABRT" in failure.reason


def test_a_stopped_session_continues_from_its_spool(bench: Bench):
    subnets = bench.subnets(6)
    session = bench.measure(*subnets)
    first = next(session)
    session.close()  # as Ctrl-C does: the result was never acknowledged
    spool = next((bench.state_dir / "spool").iterdir())
    before = len(spool.read_text().splitlines())
    session = bench.measure(*subnets)
    again = next(session)
    assert isinstance(first, Measured)
    assert isinstance(again, Measured)
    ids, ids_again = ([m.measurement_id for m in r.measurements] for r in (first, again))
    assert ids == ids_again
    assert again.measurements[0].value == first.measurements[0].value
    rest = measured(list(session))
    assert {r.subnet_id for r in [again, *rest]} == {s.subnet_id for s in subnets}
    assert before > 0
    assert spool.read_text() == ""


OFTEN = dataclasses.replace(FAST, min_rounds=6, rounds_per_process=2)

WITH_A_THREAD = f"""
import importlib.util, threading, time
spec = importlib.util.spec_from_file_location("toy_again", {TOY.rpartition(":")[0]!r})
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
Toy = toy.Toy
"""


@dataclasses.dataclass
class Servant:
    """Who answered when a child had started, or had been renewed."""

    started_pid: int
    pid: int


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def servants(monkeypatch: pytest.MonkeyPatch) -> list[Servant]:
    found: list[Servant] = []
    meet = children.Child._meet

    def recorded(self: children.Child) -> None:
        meet(self)
        found.append(Servant(self._process.pid, self.pid))

    monkeypatch.setattr(children.Child, "_meet", recorded)
    return found


def test_fresh_processes_take_over(bench: Bench, servants: list[Servant]):
    """Where memory comes to lie differs from process to process; several average it out."""
    (result,) = measured(list(bench.measure(bench.subnet(), settings=OFTEN)))
    assert len(result.measurements[0].samples) == FAST.samples_per_visit * 6
    assert len({each.pid for each in servants}) == 3
    assert len({each.started_pid for each in servants}) == 1, "torch was imported once"
    deadline = time.monotonic() + 10
    while any(alive(each.pid) for each in servants):
        assert time.monotonic() < deadline, "a copy outlived the process it was made of"
        time.sleep(0.02)


def test_a_supernet_that_starts_threads_is_loaded_by_each_process(
    bench: Bench, servants: list[Servant], tmp_path: Path
):
    """Threads do not live on in a copy of their process."""
    path = tmp_path / "with_a_thread.py"
    path.write_text(WITH_A_THREAD)
    results = measure(
        bench.network,
        bench.subnets(1),
        bench.configuration(),
        fingerprint=bench.fingerprint,
        state_dir=bench.state_dir,
        protocol=OFTEN,
        loads_as=f"{path}:Toy",
    )
    assert len(measured(list(results))) == 1
    assert len(servants) == 3
    assert all(each.pid == each.started_pid for each in servants)


def test_a_process_lost_between_rounds_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    renew = children.Child.renew

    def lost(self: children.Child) -> None:
        os.kill(self.pid, signal.SIGKILL)
        renew(self)

    monkeypatch.setattr(children.Child, "renew", lost)
    assert len(measured(list(bench.measure(*bench.subnets(2), settings=OFTEN)))) == 2


@pytest.mark.parametrize("settings", [OFTEN, FAST])
@pytest.mark.parametrize("asked", ["add", "visit"])
def test_a_process_killed_from_outside_condemns_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked: str, settings: ProtocolSettings
):
    """Whatever it was asked for when it was killed: the sub-network, or a reference."""
    ask, killed = getattr(children.Child, asked), set[str]()

    def lost(self: children.Child, key: str, *args: object, **fields: object) -> object:
        if key not in killed:
            killed.add(key)
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, key, *args, **fields)

    monkeypatch.setattr(children.Child, asked, lost)
    assert len(measured(list(bench.measure(*bench.subnets(2), settings=settings)))) == 2
    assert len(killed) == 3, "two and a reference"
    assert len([event for event in bench.events if "Once more in a fresh process" in event]) == 3


@pytest.mark.parametrize("rounds_per_process", [None, 4])
def test_networks_move_within_a_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rounds_per_process: int | None
):
    moved: list[int] = []
    move = children.Child.move

    def recorded(self: children.Child) -> None:
        moved.append(self.pid)
        move(self)

    monkeypatch.setattr(children.Child, "move", recorded)
    settings = dataclasses.replace(
        FAST,
        min_rounds=8,
        max_rounds=8,
        rounds_per_process=rounds_per_process,
        rounds_per_place=3,
    )
    assert len(measured(list(bench.measure(bench.subnet(), settings=settings)))) == 1
    assert len(moved) == 2
    assert len(set(moved)) == (1 if rounds_per_process is None else 2)


@pytest.mark.parametrize("settings", [OFTEN, FAST])
def test_a_process_lost_in_a_move_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, settings: ProtocolSettings
):
    move = children.Child.move

    def lost(self: children.Child) -> None:
        os.kill(self.pid, signal.SIGKILL)
        move(self)

    monkeypatch.setattr(children.Child, "move", lost)
    settings = dataclasses.replace(settings, rounds_per_place=1)
    assert len(measured(list(bench.measure(*bench.subnets(2), settings=settings)))) == 2


def test_networks_that_cannot_be_moved_stay(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    asked = 0

    def refused(_: children.Child) -> None:
        nonlocal asked
        asked += 1
        raise MeasurementError("RuntimeError: no copy of these weights")

    monkeypatch.setattr(children.Child, "move", refused)
    settings = dataclasses.replace(FAST, min_rounds=6, rounds_per_place=2)
    assert len(measured(list(bench.measure(bench.subnet(), settings=settings)))) == 1
    assert asked == 1
    assert [event for event in bench.events if "no copy of these weights" in event]


def test_all_are_ready_before_the_first_is_visited(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """A visit finds the caches as other networks left them; later processes warm up no more."""
    asked: list[Any] = []
    ask = children.Child._ask

    def recorded(self: children.Child, command: Any, timeout_s: float) -> dict[str, Any]:
        asked.append(command)
        return ask(self, command, timeout_s)

    monkeypatch.setattr(children.Child, "_ask", recorded)
    settings = dataclasses.replace(OFTEN, min_rounds=2, max_rounds=2, rounds_per_process=1)
    assert len(measured(list(bench.measure(*bench.subnets(2), settings=settings)))) == 2
    done = [command["do"] for command in asked]
    assert done[:12] == 2 * (3 * ["add"] + 3 * ["visit"])
    known = [command["calls"] for command in asked if command["do"] == "add"]
    assert known[:3] == [None, None, None]
    assert all(calls >= 1 for calls in known[3:])


def test_kill_minus_nine_loses_at_most_the_visit_in_flight(bench: Bench):
    endless = dataclasses.replace(FAST, min_rounds=10_000, max_rounds=10_000, time_cap_s=600)
    subnets = bench.subnets(3)
    victim = multiprocessing.get_context("fork").Process(
        target=lambda: list(bench.measure(*subnets, settings=endless))
    )
    victim.start()
    spool = bench.state_dir / "spool"
    while not (spool.is_dir() and any(path.stat().st_size > 20_000 for path in spool.iterdir())):
        assert victim.is_alive()
        time.sleep(0.02)
    victim.kill()
    victim.join()
    (path,) = spool.iterdir()
    with path.open("a") as file:
        file.write('{"kind": "Block", "subject": "torn')
    with Spool(path) as spooled:
        survived = [row for row in spooled.rows() if isinstance(row, Block)]
    results = measured(list(bench.measure(*subnets)))
    assert len(results) == 3
    kept = sum(not block.subject.startswith(REFERENCE) for block in survived)
    assert kept > 10
    assert sum(len(r.measurements[0].samples) for r in results) >= 2 * kept


def test_what_the_host_counts_between_two_sessions_disturbs_neither(bench: Bench):
    """As if a quota had stopped other work for an hour before the second one began."""
    subnets = bench.subnets(3)
    session = bench.measure(*subnets)
    next(session)
    session.close()
    (spool,) = (bench.state_dir / "spool").iterdir()
    rows = [json.loads(line) for line in spool.read_text().splitlines()]
    for row in rows:
        if row["kind"] == "Built":
            row["conditions"]["quota_throttled_s"] = -3600.0
    spool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = measured(list(bench.measure(*subnets)))
    assert not [result for result in results if "quota" in str(result.measurements[0].reasons)]


def test_a_session_killed_before_it_came_to_the_reference_continues(bench: Bench):
    subnets = bench.subnets(4)
    session = bench.measure(*subnets)
    next(session)
    session.close()
    (spool,) = (bench.state_dir / "spool").iterdir()
    lines = spool.read_text().splitlines(keepends=True)
    spool.write_text("".join(line for line in lines if f'"{REFERENCE} ' not in line))
    assert spool.read_text()
    assert len(measured(list(bench.measure(*subnets)))) == len(subnets)


def test_two_sessions_take_turns(bench: Bench):
    first, second = bench.measure(*bench.subnets(4)), bench.measure(bench.subnet(), batch_size=2)
    next(first)
    waiter = threading.Thread(target=lambda: list(second))
    waiter.start()
    while not bench.events:
        time.sleep(0.02)
    assert f"process {os.getpid()}; waiting" in bench.events[0]
    list(first)
    waiter.join(60)
    assert not waiter.is_alive()


def test_the_self_test_measures_everything_twice(bench: Bench):
    bench.network.space = bench.network.space.restrict({"behaviour": ["ok"]})
    progress: list[tuple[int, int]] = []
    found = doctor.self_test(
        bench.network,
        bench.configuration(),
        fingerprint=bench.fingerprint,
        state_dir=bench.state_dir,
        count=4,
        settings=FAST,
        loads_as=TOY,
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert sum(found.verdicts.values()) == 8
    assert -1 <= found.kendall_tau <= 1
    assert progress[-1] == (8, 8)
    assert not list(bench.state_dir.glob("self-test-*"))


def test_the_self_test_counts_what_failed_as_done_and_its_time_among_the_rest(bench: Bench):
    bench.network.space = bench.network.space.restrict(
        {"behaviour": ["ok", "raise"], "width": [8, 16], "depth": [2, 3]}
    )
    progress: list[tuple[int, int]] = []
    elapsed_s, begin = 0.0, time.monotonic()

    def told(done: int, total: int) -> None:
        nonlocal elapsed_s
        elapsed_s = time.monotonic() - begin
        progress.append((done, total))

    found = doctor.self_test(
        bench.network,
        bench.configuration(),
        fingerprint=bench.fingerprint,
        state_dir=bench.state_dir,
        count=100,
        settings=FAST,
        loads_as=TOY,
        on_progress=told,
    )
    assert progress == [(done, 16) for done in range(1, 17)], "all there are, twice"
    assert sum(found.verdicts.values()) == 8
    assert found.seconds_per_subnet == pytest.approx(elapsed_s / 8, rel=0.1)

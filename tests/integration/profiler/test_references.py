"""Reference networks of real sessions: the scale from one to the next, and those that fail."""

import math
import os
import signal
from typing import Any

import pytest

from latbase.errors import MeasurementError
from latbase.profiler import Measured, references
from latbase.profiler import child as children
from latbase.profiler.anchor import SESSION_SD

from .conftest import Bench, measured

pytestmark = pytest.mark.usefixtures("private_locks")


def test_a_second_session_keeps_the_scale_of_the_first(bench: Bench):
    (first,) = measured(list(bench.measure(bench.subnet())))
    (second,) = measured(list(bench.measure(bench.subnet(width=16))))
    scales: list[Any] = [result.measurements[0].conditions["scale"] for result in (first, second)]
    assert scales[0]["anchors"] == scales[1]["anchors"]


def test_a_reference_that_is_killed_from_outside_keeps_the_scale(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    (first,) = measured(list(bench.measure(bench.subnet())))
    add, killed = children.Child.add, set[str]()

    def lost(self: children.Child, key: str, *args: Any, **fields: Any) -> Any:
        if key.startswith(references.REFERENCE) and key not in killed:
            killed.add(key)
            os.kill(self.pid, signal.SIGKILL)
        return add(self, key, *args, **fields)

    monkeypatch.setattr(children.Child, "add", lost)
    (second,) = measured(list(bench.measure(bench.subnet(width=16))))
    scales: list[Any] = [result.measurements[0].conditions["scale"] for result in (first, second)]
    assert len(killed) == 1
    assert scales[0]["references_ms"].keys() == scales[1]["references_ms"].keys()
    assert scales[1]["offset_percent"] is not None


def test_a_session_that_lost_the_scale_says_so_and_how_far_it_may_be_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    list(bench.measure(bench.subnet()))
    monkeypatch.setattr(references, "REFERENCE_SEED", 13)  # exit, ok: another than had the anchor
    (second,) = measured(list(bench.measure(bench.subnet(width=16))))
    latency = second.measurements[0]
    scale: Any = latency.conditions["scale"]
    assert scale["offset_percent"] is None
    assert latency.verdict == "unstable"
    assert "None of the reference networks that carry the scale" in latency.reasons[0]
    assert latency.interval[1] / latency.interval[0] > 1 + 4 * SESSION_SD


def anchors_of(results: list[Measured]) -> Any:
    scale: Any = results[-1].measurements[0].conditions["scale"]
    return scale["anchors"]


def test_a_longer_session_adds_references_to_the_scale(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(references, "SUBNETS_PER_REFERENCE", 3)
    short = anchors_of(measured(list(bench.measure(bench.subnet()))))
    longer = anchors_of(measured(list(bench.measure(*bench.subnets(6)))))
    again = anchors_of(measured(list(bench.measure(*bench.subnets(6, "wait")))))
    assert len(short) == 1
    assert longer[0] == short[0]
    assert len(longer) == 2
    assert again == longer


@pytest.mark.parametrize(
    ("seed", "left"),
    [(3, 1), (22, 2)],
    ids=["ok, crash; to spare: killed, raise", "ok, raise; to spare: wait"],
)
def test_references_that_cannot_be_measured_are_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, seed: int, left: int
):
    monkeypatch.setattr(references, "SUBNETS_PER_REFERENCE", 3)
    monkeypatch.setattr(references, "REFERENCE_SEED", seed)
    results = measured(list(bench.measure(*bench.subnets(6))))
    assert len(results) == 6
    assert len(anchors_of(results)) == left


def test_without_any_reference_nothing_is_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(references, "REFERENCE_SEED", 2)  # crash, raise, exit, killed
    with pytest.raises(MeasurementError, match="No reference sub-network of toy"):
        list(bench.measure(bench.subnet()))


def test_one_that_goes_on_with_new_references_waits_for_their_errors(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    subnets = bench.subnets(6)
    session = bench.measure(*subnets[:3])
    next(session)
    session.close()
    monkeypatch.setattr(references, "SUBNETS_PER_REFERENCE", 3)
    results = measured(list(bench.measure(*subnets)))
    assert all(math.isfinite(anchor["error"]) for anchor in anchors_of(results))
    assert len(anchors_of(results)) == 2
    assert all(result.measurements[0].interval[1] < 100 for result in results)


def test_another_reference_takes_the_place_of_the_only_one_that_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(references, "REFERENCE_SEED", 13)  # exit, ok
    results = measured(list(bench.measure(bench.subnet())))
    assert len(anchors_of(results)) == 1

from dataclasses import replace
from typing import Any

import pytest

from latbase.db.records import Measurement
from latbase.errors import MeasurementError
from latbase.profiler.doctor import advise, compare_passes
from latbase.profiler.fingerprint import Fingerprint, fingerprint

from .factories import CALM, measurement


def a_pass(*values: float, half: float = 0.2) -> list[Measurement]:
    return [
        measurement(subnet_id=f"net{i}", value=value, interval=(value - half, value + half))
        for i, value in enumerate(values)
    ]


def test_two_passes_are_compared_sub_network_by_sub_network():
    first, second = a_pass(10, 11, 12, 13), list(reversed(a_pass(10.1, 11.1, 13.1, 12.9)))
    found = compare_passes(first, second, seconds_per_subnet=1.5)
    assert found.kendall_tau == pytest.approx(4 / 6)
    assert found.covered == 0.75
    assert found.difference_percent == pytest.approx(0.95, abs=0.1)
    assert found.interval_percent == pytest.approx(1.74, abs=0.01)
    assert found.verdicts == {"stable": 8}
    assert (found.scheduling, found.seconds_per_subnet) == ("real-time", 1.5)


def test_sub_networks_that_failed_once_do_not_count():
    found = compare_passes(a_pass(1, 2, 3), a_pass(1, 2), seconds_per_subnet=1)
    assert found.kendall_tau == 1
    with pytest.raises(MeasurementError, match="Fewer than two"):
        compare_passes(a_pass(1, 2), a_pass(1), seconds_per_subnet=1)


@pytest.fixture(scope="module")
def plain_host(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    """Return this host, without what its own advice depends on."""
    host = fingerprint(tmp_path_factory.mktemp("state"))
    limits = replace(host.limits, cpus=(0, 1), quota_cpus=None)
    return replace(host, notes=(), limits=limits)


def test_a_good_host_needs_no_advice(plain_host: Fingerprint):
    assert advise(plain_host, CALM, "real-time") == []


@pytest.mark.parametrize(
    ("now", "scheduling", "limits", "change"),
    [
        ({}, "normal priority (Operation not permitted)", {}, "CAP_SYS_NICE"),
        ({"load_1min": 1.5}, None, {}, "Stop it"),
        ({}, None, {"cpus": (0,)}, "at least two CPUs"),
        ({}, None, {"quota_cpus": 4.0}, "whole CPUs"),
        ({"governor": "powersave"}, None, {}, "cpupower"),
        ({"turbo": True}, None, {}, "no_turbo"),
    ],
)
def test_advice(
    plain_host: Fingerprint, now: Any, scheduling: str | None, limits: Any, change: str
):
    host = replace(plain_host, limits=replace(plain_host.limits, **limits))
    (advice,) = advise(host, replace(CALM, **now), scheduling)
    assert change in advice.change
    assert advice.finding
    assert advice.gain


def test_hidden_processors_are_advised_about(plain_host: Fingerprint):
    host = replace(plain_host, notes=("hosts of different speed may share this hardware id.",))
    (advice,) = advise(host, CALM, "real-time")
    assert "provider" in advice.change

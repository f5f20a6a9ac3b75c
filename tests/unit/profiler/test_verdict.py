from dataclasses import replace
from typing import Any

import pytest

from latbase.profiler.conditions import GpuConditions
from latbase.profiler.verdict import judge

from .factories import CALM, block

SHARED_GPU = GpuConditions(
    sm_clock_mhz=1980,
    memory_clock_mhz=3201,
    temperature_c=40,
    power_w=300.0,
    throttle_reasons=(),
    other_processes=2,
)


LATER = replace(CALM, uptime_s=1001.0, busy_s=101.0)
"""A second later, in which one thread ran."""


def judged(**fields: Any):
    values: dict[str, Any] = {
        "half_width_percent": 0.9,
        "blocks": [block() for _ in range(10)],
        "threads": 1,
        "offset_percent": 1.0,
        "before": CALM,
        "after": LATER,
    }
    return judge(**(values | fields))


def test_a_calm_host_is_stable_without_reasons():
    assert (judged().verdict, judged().reasons) == ("stable", ())


@pytest.mark.parametrize(
    ("fields", "verdict", "reason"),
    [
        ({"half_width_percent": 7.0}, "unstable", "±7.0 %, wider than the ±5 %"),
        ({"offset_percent": 30.0}, "unstable", "30 % slower than when"),
        ({"offset_percent": -30.0}, "unstable", "30 % faster than when"),
        ({"offset_percent": None}, "unstable", "delete the scale file named in the conditions"),
        ({"blocks": [block(throttled=True)]}, "disturbed", "throttled for heat"),
        ({"blocks": [block(cpu_ms=(8.0, 8.0))]}, "disturbed", "ran only 50% of the time"),
        ({"after": replace(LATER, quota_throttled_s=0.5)}, "disturbed", "CPU quota"),
        ({"after": replace(LATER, gpu=SHARED_GPU)}, "disturbed", "2 other processes"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], verdict: str, reason: str):
    found = judged(**fields)
    assert found.verdict == verdict
    assert reason in found.reasons[0]


def test_two_threads_may_use_more_cpu_than_wall_time():
    assert judged(threads=2, blocks=[block(cpu_ms=(8.0, 8.0))]).verdict == "stable"


def test_a_wide_interval_names_its_likely_causes():
    after = replace(LATER, busy_s=103.0, steal_s=0.5, governor="powersave")
    reasons = " ".join(judged(half_width_percent=9.0, after=after).reasons)
    assert "hypervisor took 25%" in reasons
    assert "kept 2.0 CPUs busy" in reasons
    assert "governor is powersave" in reasons


def test_what_the_host_does_not_tell_is_no_reason():
    nothing = dict.fromkeys(("uptime_s", "busy_s", "steal_s", "quota_throttled_s", "governor"))
    blind = replace(CALM, **nothing)  # type: ignore[arg-type]
    assert judged(before=blind, after=blind).verdict == "stable"


@pytest.mark.parametrize(("throttled", "verdict"), [(5, "stable"), (6, "disturbed")])
def test_what_throttled_in_more_than_half_of_its_visits_is_disturbed(throttled: int, verdict: str):
    blocks = [block(throttled=number < throttled) for number in range(10)]
    assert judged(blocks=blocks).verdict == verdict


@pytest.mark.parametrize(("stopped_s", "verdict"), [(0.19, "stable"), (0.21, "disturbed")])
def test_what_a_quota_stopped_for_a_fiftieth_of_the_time_is_disturbed(
    stopped_s: float, verdict: str
):
    after = replace(LATER, uptime_s=1010.0, quota_throttled_s=stopped_s)
    assert judged(after=after).verdict == verdict


def test_rates_are_over_the_time_between_the_readings_however_short_the_visits_were():
    """Of a sub-network that was made ready long before its first visit."""
    after = replace(LATER, uptime_s=1100.0, busy_s=200.0, steal_s=2.0, quota_throttled_s=1.0)
    blocks = [block(at=1099.0), block(at=1100.0)]
    found = judged(blocks=blocks, after=after, half_width_percent=9.0)
    assert found.verdict == "unstable"
    assert len(found.reasons) == 1, "no other work, no hypervisor and no quota"

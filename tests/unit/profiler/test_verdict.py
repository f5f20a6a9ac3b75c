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


def judged(**fields: Any):
    values: dict[str, Any] = {
        "half_width_percent": 0.9,
        "blocks": [block() for _ in range(10)],
        "threads": 1,
        "offset_percent": 1.0,
        "before": CALM,
        "after": replace(CALM, busy_s=101.0),
        "elapsed_s": 1.0,
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
        ({"blocks": [block(throttled=True)]}, "disturbed", "throttled for heat"),
        ({"blocks": [block(cpu_ms=(8.0, 8.0))]}, "disturbed", "ran only 50% of the time"),
        ({"after": replace(CALM, quota_throttled_s=0.5)}, "disturbed", "CPU quota"),
        ({"after": replace(CALM, gpu=SHARED_GPU)}, "disturbed", "2 other processes"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], verdict: str, reason: str):
    found = judged(**fields)
    assert found.verdict == verdict
    assert reason in found.reasons[0]


def test_two_threads_may_use_more_cpu_than_wall_time():
    assert judged(threads=2, blocks=[block(cpu_ms=(8.0, 8.0))]).verdict == "stable"


def test_a_wide_interval_names_its_likely_causes():
    after = replace(CALM, busy_s=103.0, steal_s=0.5, governor="powersave")
    reasons = " ".join(judged(half_width_percent=9.0, after=after).reasons)
    assert "hypervisor took 25%" in reasons
    assert "kept 2.0 CPUs busy" in reasons
    assert "governor is powersave" in reasons


def test_what_the_host_does_not_tell_is_no_reason():
    blind = replace(CALM, busy_s=None, steal_s=None, quota_throttled_s=None, governor=None)
    assert judged(before=blind, after=blind).verdict == "stable"

import uuid
from dataclasses import replace
from typing import Any

import pytest

from latbase.db.records import Configuration, Subnet
from latbase.profiler.ledger import Built, Estimate
from latbase.profiler.protocol import DEFAULT, StopRule
from latbase.profiler.results import Finding, Identity, measurement_id, measurements
from latbase.profiler.verdict import Verdict

from .factories import CALM, block

IDENTITY = Identity(
    subnet=Subnet.of("s", (0, 1), {"d": [2]}),
    configuration=Configuration.of(hardware_id="h", batch_size=8),
    environment_id="e",
    host_id="host",
)
BUILT = Built(
    subject="a",
    build_s=0.02,
    prepare_s=0.1,
    warm_up_ms=(17.0, 16.0),
    peak_memory_bytes=30_000_000,
    conditions=CALM.facts(),
)


def finding(**fields: Any) -> Finding:
    base = Finding(
        identity=IDENTITY,
        blocks=[block(), block(at=1001.0, wall_ms=(17.0, 15.0), cpu_ms=(17.0, 15.0))],
        built=BUILT,
        estimate=Estimate(level=0.0, error=0.01, drift=0.0, visits=2),
        shift=2.0,
        half_width_percent=2.0,
        stopped_by=StopRule.INTERVAL,
        verdict=Verdict(verdict="disturbed", reasons=("hot",)),
        settings=DEFAULT,
        conditions={"scale": {"offset_percent": 1.0}},
    )
    return replace(base, **fields)


def test_the_scale_moves_the_value_and_leaves_the_samples():
    latency, *_ = measurements(finding())
    assert latency.value == pytest.approx(7.389, abs=0.001)
    assert latency.interval == pytest.approx((7.2427, 7.5383), abs=0.001)
    assert latency.samples == (16.0, 16.2, 17.0, 15.0)
    assert latency.stopped_by == "interval"
    assert latency.protocol["name"] == "default"


def test_throughput_is_items_over_latency():
    latency, throughput, *_ = measurements(finding())
    assert throughput.value == pytest.approx(8000 / latency.value)
    assert throughput.interval[0] == pytest.approx(8000 / latency.interval[1])


def test_a_size_is_not_disturbed():
    *_, memory = measurements(finding())
    assert (memory.metric, memory.value, memory.verdict) == ("peak_memory_bytes", 3e7, "stable")


def test_what_the_host_does_not_tell_is_absent():
    built = replace(BUILT, peak_memory_bytes=None)
    names = [record.metric for record in measurements(finding(built=built))]
    assert names == ["latency_ms", "throughput_items_per_s"]


def test_energy_and_gpu_time_are_means_with_intervals():
    blocks = [block(energy_mj=mj, gpu_ms=(1.0, 1.2)) for mj in (90.0, 100.0, 110.0)]
    by_name = {record.metric: record for record in measurements(finding(blocks=blocks))}
    energy = by_name["energy_mj"]
    assert energy.value == pytest.approx(100)
    assert energy.interval == pytest.approx((75.16, 124.84), abs=0.01)
    assert by_name["gpu_time_ms"].value == pytest.approx(1.1)


def test_ids_are_uuid_7_and_the_same_for_the_same_result():
    ids = [measurement_id(IDENTITY, "latency_ms", at) for at in (1000.0, 1000.0, 1000.001)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] < ids[2]
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == 1_000_000
    assert measurement_id(IDENTITY, "energy_mj", 1000.0) != ids[0]

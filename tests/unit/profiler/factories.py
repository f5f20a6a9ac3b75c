"""Ledger entries and conditions with everything unremarkable unless told otherwise."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from latbase.db.records import Measurement
from latbase.profiler.conditions import Conditions
from latbase.profiler.ledger import Block

CALM = Conditions(
    uptime_s=1000.0,
    load_1min=0.1,
    busy_s=100.0,
    steal_s=0.0,
    quota_throttled_s=0.0,
    effective_cpus=2,
    governor="performance",
    turbo=None,
    frequency_mhz=2600,
    temperature_c=None,
    throttle_events=None,
    gpu=None,
)


def block(**fields: Any) -> Block:
    base = Block(
        subject="a",
        window="0",
        wall_ms=(16.0, 16.2),
        cpu_ms=(16.0, 16.1),
        gpu_ms=(),
        at=1000.0,
        energy_mj=None,
    )
    return replace(base, **fields)


def measurement(**fields: Any) -> Measurement:
    base = Measurement(
        measurement_id="m",
        subnet_id="a",
        configuration_id="c",
        environment_id="e",
        host_id="h",
        metric="latency_ms",
        value=10.0,
        interval=(9.9, 10.1),
        statistic="drift-adjusted robust mean",
        samples=(10.0,),
        verdict="stable",
        stopped_by="interval",
        protocol={},
        conditions={"started": {"scheduling": "real-time"}},
        measured_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(base, **fields)

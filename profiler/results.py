"""From the readings of one sub-network to the records the store keeps. Pure."""

import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np

from latbase.db.records import STABLE, Configuration, Facts, Measurement, Subnet
from latbase.profiler.ledger import Block, Built, Estimate
from latbase.profiler.protocol import ProtocolSettings, StopRule
from latbase.profiler.statistics import quantile
from latbase.profiler.verdict import Verdict

LATENCY = "latency_ms"
THROUGHPUT = "throughput_items_per_s"
GPU_TIME = "gpu_time_ms"
PEAK_MEMORY = "peak_memory_bytes"
ENERGY = "energy_mj"

DRIFT_ADJUSTED = "drift-adjusted robust mean"

WIDEST = 3.0
"""Logarithm of the widest interval, twenty times either way: wider ones say no more than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The ids that say what was measured where."""

    subnet: Subnet
    configuration: Configuration
    environment_id: str
    host_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Everything known of one sub-network when its sampling ended.

    Attributes:
        shift: what the reference network's anchor adds to its level, in log(ms).
        half_width_percent: of the interval of a repetition.
        conditions: readings of the host before and after, scale, isolation.
    """

    identity: Identity
    blocks: Sequence[Block]
    built: Built
    estimate: Estimate
    shift: float
    half_width_percent: float
    stopped_by: StopRule
    verdict: Verdict
    settings: ProtocolSettings
    conditions: Facts

    @property
    def latency_ms(self) -> float:
        """The drift-adjusted robust mean on the scale of the anchor."""
        return math.exp(self.estimate.level + self.shift)

    @property
    def interval_ms(self) -> tuple[float, float]:
        """Where a repetition of the whole measurement falls 95 times in 100."""
        factor = math.exp(min(self.half_width_percent / 100, WIDEST))
        return self.latency_ms / factor, self.latency_ms * factor


def measurements(finding: Finding) -> tuple[Measurement, ...]:
    """Return latency, throughput and what else the host told, as records."""
    wall = [ms for block in finding.blocks for ms in block.wall_ms]
    cpu = [ms for block in finding.blocks for ms in block.cpu_ms]
    low, high = finding.interval_ms
    items = finding.identity.configuration.batch_size * 1e3
    records = [
        _record(finding, LATENCY, finding.latency_ms, (low, high), wall, cpu=cpu),
        _record(
            finding,
            THROUGHPUT,
            items / finding.latency_ms,
            (items / high, items / low),
            [items / ms for ms in wall],
        ),
    ]
    if gpu := [ms for block in finding.blocks for ms in block.gpu_ms]:
        value, interval = _mean(gpu)
        records.append(_record(finding, GPU_TIME, value, interval, gpu, statistic="mean"))
    if energy := [b.energy_mj for b in finding.blocks if b.energy_mj is not None]:
        value, interval = _mean(energy)
        records.append(_record(finding, ENERGY, value, interval, energy, statistic="mean"))
    if (size := finding.built.peak_memory_bytes) is not None:
        name = "weights, buffers and peak allocation of one pass"
        one = float(size)
        records.append(_record(finding, PEAK_MEMORY, one, (one, one), [one], statistic=name))
    return tuple(records)


def _record(
    finding: Finding,
    metric: str,
    value: float,
    interval: tuple[float, float],
    samples: Sequence[float],
    *,
    cpu: Sequence[float] = (),
    statistic: str = DRIFT_ADJUSTED,
) -> Measurement:
    identity, last = finding.identity, finding.blocks[-1].at
    # A size does not depend on how steady the host was.
    steady = metric == PEAK_MEMORY
    return Measurement(
        measurement_id=measurement_id(identity, metric, last),
        subnet_id=identity.subnet.subnet_id,
        configuration_id=identity.configuration.configuration_id,
        environment_id=identity.environment_id,
        host_id=identity.host_id,
        metric=metric,
        value=value,
        interval=interval,
        statistic=statistic,
        samples=tuple(samples),
        cpu_samples=tuple(cpu),
        verdict=STABLE if steady else finding.verdict.verdict,
        reasons=() if steady else finding.verdict.reasons,
        stopped_by=finding.stopped_by,
        protocol=asdict(finding.settings),
        conditions=finding.conditions,
        measured_at=datetime.fromtimestamp(last, UTC),
    )


def measurement_id(identity: Identity, metric: str, at: float) -> str:
    """Return the UUIDv7 of a measurement that ended at ``at`` seconds since 1970.

    Its random part is a hash of what was measured: a session that was killed after it delivered a
    result, and before the store said so, delivers it again under the same id.
    """
    seed = f"{identity.host_id} {identity.subnet.subnet_id} {metric} {at!r}"
    seed += f" {identity.configuration.configuration_id} {identity.environment_id}"
    noise = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10])
    number = (int(at * 1e3) << 80) | noise
    number = number & ~(0xF << 76) | (7 << 76)
    return str(uuid.UUID(int=number & ~(0b11 << 62) | (0b10 << 62)))


def _mean(samples: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the mean and its 95 % interval."""
    mean = float(np.mean(samples))
    if len(samples) == 1:
        return mean, (mean, mean)
    half = quantile(len(samples)) * float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
    return mean, (mean - half, mean + half)


def facts(**parts: object) -> Mapping[str, object]:
    """Return the parts that are known."""
    return {name: part for name, part in parts.items() if part is not None}

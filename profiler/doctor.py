"""How good this host is for measuring, and what would make it better.

The self-test measures the same sub-networks twice, in another order and another process, and says
how well the second pass ranks them like the first. The advice comes from readings of the host;
nothing on it is changed.
"""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latbase.db.networks import subnets_of
from latbase.db.records import Configuration, Measurement
from latbase.errors import MeasurementError
from latbase.profiler.conditions import Conditions, read_conditions
from latbase.profiler.fingerprint import Fingerprint
from latbase.profiler.messages import REAL_TIME
from latbase.profiler.placement import choose_cpus
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.protocol import QUICK, ProtocolSettings
from latbase.profiler.session import Measured, measure
from latbase.profiler.statistics import Floats
from latbase.supernets.supernet import Supernet

SELF_TEST = dataclasses.replace(
    QUICK, name="self-test", min_rounds=16, max_rounds=32, rounds_per_process=8
)
"""About half a second a sub-network: two passes of sixty take a minute or two."""

SUBNETS = 60
SEED = 2026

BUSY_LOAD = 0.5
"""Runnable threads per CPU; half of the CPUs are then taken already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How two passes over the same sub-networks agree.

    Attributes:
        kendall_tau: rank correlation of the two passes.
        difference_percent: median absolute difference of a sub-network between them.
        interval_percent: median half-width of the stated intervals.
        covered: share of sub-networks whose first interval holds the second value.
        verdicts: how many measurements got each verdict.
        scheduling: what priority the measured process had.
        seconds_per_subnet: time of both passes, per measurement.
    """

    kendall_tau: float
    difference_percent: float
    interval_percent: float
    covered: float
    verdicts: dict[str, int]
    scheduling: str
    seconds_per_subnet: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that could be better on this host, how to change it, and what it would gain."""

    finding: str
    change: str
    gain: str


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Kendall's τ of two passes over the same sub-networks, (n,) each."""
    from scipy.stats import kendalltau  # noqa: PLC0415 - half a second that few commands need

    return float(kendalltau(first, second).statistic)


def compare_passes(
    first: Sequence[Measurement], second: Sequence[Measurement], *, seconds_per_subnet: float
) -> Repeatability:
    """Compare two passes; only sub-networks that both measured count.

    Raises:
        MeasurementError: fewer than two of them.
    """
    again = {found.subnet_id: found for found in second}
    pairs = [(one, again[one.subnet_id]) for one in first if one.subnet_id in again]
    if len(pairs) < 2:  # noqa: PLR2004 -- a ranking needs two
        raise MeasurementError("Fewer than two sub-networks could be measured twice.")
    values: Floats = np.array([(a.value, b.value) for a, b in pairs])
    ratio = np.abs(np.log(values[:, 1] / values[:, 0]))
    verdicts = [found.verdict for pair in pairs for found in pair]
    started = first[0].conditions["started"]
    assert isinstance(started, dict)
    return Repeatability(
        kendall_tau=rank_correlation(values[:, 0], values[:, 1]),
        difference_percent=100 * float(np.median(ratio)),
        interval_percent=statistics.median(
            50 * (one.interval[1] - one.interval[0]) / one.value for one, _ in pairs
        ),
        covered=statistics.mean(
            one.interval[0] <= two.value <= one.interval[1] for one, two in pairs
        ),
        verdicts={verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        scheduling=str(started["scheduling"]),
        seconds_per_subnet=seconds_per_subnet,
    )


def self_test(
    network: Supernet,
    configuration: Configuration,
    *,
    fingerprint: Fingerprint,
    state_dir: Path,
    count: int = SUBNETS,
    settings: ProtocolSettings = SELF_TEST,
    loads_as: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_event: Callable[[str], None] | None = None,
) -> Repeatability:
    """Measure ``count`` sub-networks twice and compare.

    Args:
        network: the supernet.
        configuration: of this host.
        fingerprint: of this host.
        state_dir: a directory inside it holds the test's own spool and scale, and goes with it.
        count: sub-networks.
        settings: of the protocol.
        loads_as: as in :func:`latbase.profiler.measure`.
        on_progress: is told measurements done, failed ones included, and to do.
        on_event: as in :func:`latbase.profiler.measure`.

    Raises:
        MeasurementError: nothing can be measured on this host.
    """
    subnets = subnets_of(network, network.space.sample(count, SEED))
    passes: list[list[Measurement]] = []
    done = 0
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=state_dir, prefix="self-test-") as scratch:
        for order in (subnets, subnets[::-1]):
            passes.append([])
            for result in measure(
                network,
                order,
                configuration,
                fingerprint=fingerprint,
                state_dir=Path(scratch),
                protocol=settings,
                loads_as=loads_as,
                on_event=on_event,
            ):
                if isinstance(result, Measured):
                    passes[-1].append(result.measurements[0])
                done += 1
                if on_progress is not None:
                    on_progress(done, 2 * len(subnets))
    seconds = (time.monotonic() - begin) / max(1, sum(map(len, passes)))
    return compare_passes(*passes, seconds_per_subnet=seconds)


def advise(fingerprint: Fingerprint, now: Conditions, scheduling: str | None) -> list[Advice]:
    """Return what could be better on this host; most rewarding first.

    Args:
        fingerprint: of this host.
        now: its conditions, see :func:`conditions_now`.
        scheduling: what the self-test reports; None if it was not run.
    """
    checks = (
        _priority(scheduling),
        _company(now),
        _one_cpu(fingerprint),
        _quota(fingerprint),
        _governor(now),
        _turbo(now),
        _hidden(fingerprint),
    )
    return [advice for advice in checks if advice is not None]


def conditions_now(fingerprint: Fingerprint) -> Conditions:
    """Read the host as a single-threaded measurement would find it."""
    cpus = choose_cpus(fingerprint.cores, fingerprint.limits, 1)
    return read_conditions(HostFiles(), cpus)


def _priority(scheduling: str | None) -> Advice | None:
    if scheduling in {None, REAL_TIME}:
        return None
    return Advice(
        finding=f"The measured process has {scheduling}.",
        # Not setcap on the binary: glibc then ignores its environment, and memory is not steady.
        change="Run as root, or permit it: an rtprio limit in /etc/security/limits.conf, "
        "AmbientCapabilities=CAP_SYS_NICE in a systemd unit, --cap-add SYS_NICE in Docker.",
        gain="On a busy two-core machine, real-time priority cut the difference between passes "
        "from 4.1 % to 1.0 %.",
    )


def _company(now: Conditions) -> Advice | None:
    if now.load_1min is None or now.load_1min < BUSY_LOAD * now.effective_cpus:
        return None
    return Advice(
        finding=f"Other work runs here: a load of {now.load_1min:.1f} on {now.effective_cpus} "
        "CPUs over the last minute.",
        change="Stop it, or measure when the host is idle.",
        gain="The same protocol in sequence ranked with τ 0.51 on a busy host and 0.81 on a "
        "quiet one; interleaving recovers most of it, not all.",
    )


def _one_cpu(fingerprint: Fingerprint) -> Advice | None:
    if fingerprint.effective_cpus > 1:
        return None
    return Advice(
        finding="Only one CPU may be used, so everything else shares it with the measured process.",
        change="Give the machine or container at least two CPUs.",
        gain="The measured core is then left alone between interrupts.",
    )


def _quota(fingerprint: Fingerprint) -> Advice | None:
    quota = fingerprint.limits.quota_cpus
    if quota is None:
        return None
    return Advice(
        finding=f"A cgroup quota allows {quota:g} CPUs on average.",
        change="Assign whole CPUs (a cpuset) instead of a quota.",
        gain="A process that meets its quota is stopped for tens of milliseconds at a time; such "
        "measurements are marked disturbed.",
    )


def _governor(now: Conditions) -> Advice | None:
    if now.governor in {None, "performance"}:
        return None
    return Advice(
        finding=f"The frequency governor is {now.governor}.",
        change="`sudo cpupower frequency-set -g performance`, and back when you have finished.",
        gain="The clock no longer follows the load of the last milliseconds, which short "
        "sub-networks feel most.",
    )


def _turbo(now: Conditions) -> Advice | None:
    if now.turbo is not True:
        return None
    return Advice(
        finding="The processor may exceed its base frequency (turbo).",
        change="Switch it off while measuring if numbers must agree over months: "
        "`echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo`, or 0 in "
        "/sys/devices/system/cpu/cpufreq/boost.",
        gain="Numbers no longer depend on temperature and on how busy the other cores are; they "
        "become slower, and are then those of a processor without turbo.",
    )


def _hidden(fingerprint: Fingerprint) -> Advice | None:
    hidden = [note for note in fingerprint.notes if "may share this hardware id" in note]
    if not hidden:
        return None
    return Advice(
        finding=hidden[0],
        change="Ask the provider for the host's CPU model, or keep one store per machine type.",
        gain="Measurements of different processors are not taken for one.",
    )

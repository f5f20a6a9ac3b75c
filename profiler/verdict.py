"""Whether a number can be trusted, and if not, why and what to do. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from latbase.db.records import STABLE
from latbase.profiler.conditions import Conditions
from latbase.profiler.ledger import Block

UNSTABLE = "unstable"
DISTURBED = "disturbed"

WIDE_PERCENT = 5.0
"""A half-width beyond this does not rank networks: sub-networks of one supernet often lie within
12 % of each other."""

OFFSET_PERCENT = 15.0
"""Sessions on one host differ by 2 to 6 %, busy ones by 10; beyond this the host has changed."""

WAITING = 1.2
"""Wall over CPU time of a single thread: beyond this it waited for its CPU instead of running."""

THROTTLED_SHARE = 0.5
QUOTA_SHARE = 0.02
STEAL_SHARE = 0.02
BUSY_SHARE = 0.25
QUIETER = "stop other work on this host or measure at a quieter time"
LOST = (
    "None of the reference networks that carry the scale could be measured, so the value is off by "
    "what this host is slower or faster than when the configuration was first measured: measure it "
    "once more (latbase profile --again); if they fail for good, delete the scale file named in "
    "the conditions to begin a new scale."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``stable``, ``unstable`` or ``disturbed``, with reasons in words unless stable."""

    verdict: str
    reasons: tuple[str, ...] = ()


def judge(
    *,
    half_width_percent: float,
    blocks: Sequence[Block],
    threads: int,
    offset_percent: float | None,
    before: Conditions,
    after: Conditions,
) -> Verdict:
    """Judge one sub-network's measurement.

    Args:
        half_width_percent: of its interval.
        blocks: its visits.
        threads: of the measured process; with one, wall and CPU time should agree.
        offset_percent: how much slower the host is than when its scale was set; None where no
            reference network tells.
        before: the host when the sub-network began.
        after: the host when it ended.
    """
    disturbed = disturbances(blocks, threads, before, after)
    if disturbed:
        return Verdict(verdict=DISTURBED, reasons=disturbed)
    unstable = [*_scale(offset_percent), *_width(half_width_percent)]
    if unstable:
        causes = _causes(threads, before, after)
        return Verdict(verdict=UNSTABLE, reasons=(*unstable, *causes))
    return Verdict(verdict=STABLE)


def disturbances(
    blocks: Sequence[Block], threads: int, before: Conditions, after: Conditions
) -> tuple[str, ...]:
    """Return what kept the measured process from its processor; see :func:`judge`."""
    return (
        *_throttling(blocks),
        *_quota(before, after),
        *_gpu(after),
        *(_waiting(blocks) if threads == 1 else ()),
    )


def _throttling(blocks: Sequence[Block]) -> list[str]:
    share = sum(block.throttled for block in blocks) / len(blocks)
    if share <= THROTTLED_SHARE:
        return []
    reason = (
        f"The processor throttled for heat or power in {share:.0%} of the visits: improve the "
        "cooling or raise the power limit."
    )
    return [reason]


def _quota(before: Conditions, after: Conditions) -> list[str]:
    stopped_s = _rise(before.quota_throttled_s, after.quota_throttled_s)
    if stopped_s <= QUOTA_SHARE * _rise(before.uptime_s, after.uptime_s):
        return []
    reason = (
        f"The CPU quota of the cgroup stopped the process for {stopped_s:.2f} s: lift the quota "
        "or use fewer threads."
    )
    return [reason]


def _gpu(after: Conditions) -> list[str]:
    if after.gpu is None or not after.gpu.other_processes:
        return []
    users = after.gpu.other_processes
    return [f"{users} other processes used the graphics card: stop them or take a free card."]


def _width(half_width_percent: float) -> list[str]:
    if half_width_percent <= WIDE_PERCENT:
        return []
    reason = (
        f"The interval is ±{half_width_percent:.1f} %, wider than the ±{WIDE_PERCENT:.0f} % that "
        f"ranking needs: {QUIETER}, or use the thorough protocol."
    )
    return [reason]


def _scale(offset_percent: float | None) -> list[str]:
    if offset_percent is None:
        return [LOST]
    if abs(offset_percent) <= OFFSET_PERCENT:
        return []
    direction = "slower" if offset_percent > 0 else "faster"
    reason = (
        f"The host is {abs(offset_percent):.0f} % {direction} than when this configuration was "
        f"first measured: {QUIETER}; if it changed for good, delete the scale file named in the "
        "conditions to begin a new scale."
    )
    return [reason]


def _waiting(blocks: Sequence[Block]) -> list[str]:
    ratios = [
        wall / cpu
        for block in blocks
        for wall, cpu in zip(block.wall_ms, block.cpu_ms, strict=True)
        if cpu > 0
    ]
    if not ratios or statistics.median(ratios) <= WAITING:
        return []
    reason = (
        f"The measured process ran only {1 / statistics.median(ratios):.0%} of the time, others "
        f"had its CPU: {QUIETER}, or permit real-time priority (CAP_SYS_NICE)."
    )
    return [reason]


def _causes(threads: int, before: Conditions, after: Conditions) -> list[str]:
    """Return what may explain a wide interval, as far as the host tells."""
    elapsed_s = _rise(before.uptime_s, after.uptime_s)
    if elapsed_s <= 0:
        return []
    causes = []
    steal = _rise(before.steal_s, after.steal_s) / elapsed_s / after.effective_cpus
    if steal > STEAL_SHARE:
        causes.append(f"The hypervisor took {steal:.0%} of the CPU time for other machines.")
    others = _rise(before.busy_s, after.busy_s) / elapsed_s - threads
    if others > BUSY_SHARE * after.effective_cpus:
        causes.append(f"Other work kept {others:.1f} CPUs busy meanwhile.")
    if after.governor not in {None, "performance"}:
        causes.append(f"The frequency governor is {after.governor}; performance is steadier.")
    return causes


def _rise(before: float | None, after: float | None) -> float:
    return after - before if before is not None and after is not None else 0.0

"""All readings of a session, and what they say about each sub-network. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latbase.profiler.protocol import FEWEST_ROUNDS
from latbase.profiler.statistics import fit_drift, quantile, standard_errors, steady_stretches

HORIZON_WINDOWS = 800
"""Drift windows that are fitted together; older ones no longer touch an active sub-network."""

PROCESS_SD = 0.006
"""Deviation of one sub-network's speed from process to process (where its memory came to lie),
which no reading within one process can see. In full part of every interval, also where several
processes took turns."""

SENSITIVITY_SD = 0.1
"""Networks do not slow down alike: when a busy host was 10 % slower, single sub-networks were 9 to
11 % slower (recorded sessions gave 0.08 and 0.15). Part of the interval in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One visit as it is spooled.

    Attributes:
        subject: key of the sub-network.
        window: label of its drift window; blocks of one window ran within seconds.
        wall_ms: wall time per forward pass, one entry per reading.
        cpu_ms: CPU time of the same readings.
        gpu_ms: GPU time of the same readings; empty on a CPU.
        at: end of the visit, seconds since 1970.
        energy_mj: energy per forward pass over the visit; None where the host does not tell.
        throttled: the host throttled during the visit; such blocks are kept, but used only where
            fewer than :data:`~latbase.profiler.protocol.FEWEST_ROUNDS` others are.
    """

    subject: str
    window: str
    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]
    gpu_ms: tuple[float, ...]
    at: float
    energy_mj: float | None
    throttled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A sub-network as it began, spooled beside its blocks.

    Attributes:
        subject: key of the sub-network.
        build_s: extracting it.
        prepare_s: conversion and engine, compiling included.
        warm_up_ms: see :class:`latbase.profiler.messages.Added`.
        peak_memory_bytes: likewise.
        conditions: readings of the host at that time.
    """

    subject: str
    build_s: float
    prepare_s: float
    warm_up_ms: tuple[float, ...]
    peak_memory_bytes: int | None
    conditions: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is known of a sub-network: log(ms) at the session's median speed, and its error.

    Attributes:
        level: drift-adjusted robust mean of log(ms).
        error: its standard error within the session, relative.
        drift: mean drift while it was visited, in log units.
        visits: visits it rests on.
    """

    level: float
    error: float
    drift: float
    visits: int

    def half_width_percent(self, *, scale_error: float = 0.0, offset: float = 0.0) -> float:
        """Return the half-width of the 95 % interval of a repetition, in per cent.

        Two measurements differ by the errors of both, so the interval within which a repetition
        in another process falls is wider than the one of the level itself.

        Args:
            scale_error: standard error of the scale, which reference networks carry.
            offset: how much slower the session is than its scale, in log units.
        """
        variance = 2 * (self.error**2 + PROCESS_SD**2) + scale_error**2
        variance += (SENSITIVITY_SD * (self.drift + offset)) ** 2
        return 100 * quantile(self.visits) * math.sqrt(variance)

    def reducible_percent(self) -> float:
        """Return the part of the half-width that more visits would make narrower, in per cent."""
        return 100 * quantile(self.visits) * math.sqrt(2) * self.error


class Ledger:
    """Collects blocks and re-estimates every sub-network from all of them together."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._of: dict[str, list[Block]] = defaultdict(list)
        self._estimates: dict[str, Estimate] = {}

    def add(self, block: Block) -> None:
        """Take ``block`` in; it changes every estimate."""
        self._estimates = {}
        self._blocks.append(block)
        self._of[block.subject].append(block)

    def forget_old(self) -> None:
        """Drop sub-networks of which the horizon holds nothing: no fit reaches them any more."""
        recent = {block.subject for block in self._horizon()}
        self._blocks = [block for block in self._blocks if block.subject in recent]
        for subject in self._of.keys() - recent:
            del self._of[subject]

    def blocks(self, subject: str) -> list[Block]:
        """Return the blocks of ``subject`` in order of time."""
        return self._of[subject]

    def reading_s(self, subject: str) -> float:
        """Return the times of ``subject`` added up, one forward pass per reading.

        Networks that run several times per reading are too fast to come near a time cap.
        """
        return sum(sum(block.wall_ms) for block in self._of[subject]) / 1e3

    def estimate(self, subject: str) -> Estimate:
        """Return the estimate of ``subject``; all are fitted anew if blocks came since the last."""
        if not self._estimates:
            self._refit()
        return self._estimates[subject]

    def _refit(self) -> None:
        """Estimate every sub-network of the horizon anew."""
        recent = self._horizon()
        subjects = {key: i for i, key in enumerate(dict.fromkeys(b.subject for b in recent))}
        windows = {key: i for i, key in enumerate(dict.fromkeys(b.window for b in recent))}
        sizes = [len(block.wall_ms) for block in recent]
        log_times = np.log([ms for block in recent for ms in block.wall_ms])
        subject = np.repeat([subjects[block.subject] for block in recent], sizes)
        window = np.repeat([windows[block.window] for block in recent], sizes)
        levels = fit_drift(log_times, subject, window).levels
        window = steady_stretches(log_times, subject, window, levels)[window]
        fit = fit_drift(log_times, subject, window)
        errors = standard_errors(fit, subject, np.repeat(np.arange(len(recent)), sizes))
        visits = Counter(block.subject for block in recent)
        drift = np.bincount(subject, fit.drift[window]) / np.bincount(subject)
        self._estimates = {
            key: Estimate(
                level=float(fit.levels[i]),
                error=float(errors[i]),
                drift=float(drift[i]),
                visits=visits[key],
            )
            for key, i in subjects.items()
        }

    def _horizon(self) -> list[Block]:
        windows = list(dict.fromkeys(block.window for block in self._blocks))
        kept = set(windows[-HORIZON_WINDOWS:])
        recent = [block for block in self._blocks if block.window in kept]
        clean = Counter(block.subject for block in recent if not block.throttled)
        return [b for b in recent if not b.throttled or clean[b.subject] < FEWEST_ROUNDS]

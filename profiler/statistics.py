"""Summaries and intervals of interleaved readings, with slow drift removed. Pure.

Model: log(reading) = level of the sub-network + drift of the time window + noise. Alternating
medians (a median polish: J. W. Tukey, Exploratory Data Analysis, 1977) give a start that neither
bursts nor a few wild sub-networks can pull away; Huber-weighted means then use the readings more
fully (P. J. Huber, Robust Statistics, 1981). Noisy windows weigh less. On recorded sessions of a
busy host this repeats 8 % better than the medians alone. Windows are short; neighbours of one speed
are merged, since the speed of a shared host is constant for seconds and then another one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MAX_SWEEPS = 20
TOLERANCE = 1e-5
"""A sweep that moves no level by more than 0.001 % is the last."""

HUBER_LIMIT = 1.0
"""Residuals beyond this many deviations lose weight: bursts are common here, so below the usual
1.345."""

WINDOW_SHARE = 0.5
"""How much of a window's noise is its own, and how much the session's: it has few readings."""

MAD_TO_SD = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of normal noise."""

CHANGE_PENALTY = 12.0
"""Squared deviations that a change of the host's speed must explain to be one."""

LONGEST_STEADY = 16
"""Windows that share one estimate of the drift at most, so that slow drift is followed too."""

MEDIAN_INEFFICIENCY = 1.57
"""Variance of a median of normal noise over that of a mean: pi / 2."""

SMALLEST_SCALE = 1e-9
"""Of the noise, relative: keeps weights finite when all readings agree."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Readings split into levels, drift and noise.

    Attributes:
        levels: of each sub-network, log units, (n,).
        drift: of each time window, log units, median 0, (m,).
        residuals: of each reading, (k,).
        weights: of each reading, (k,).
        slopes: weight of those within the Huber limit, 0 beyond it, (k,).
    """

    levels: Floats
    drift: Floats
    residuals: Floats
    weights: Floats
    slopes: Floats


def fit_drift(log_times: Floats, subject: Indices, window: Indices) -> Fit:
    """Split log readings into levels and drift.

    Args:
        log_times: logarithms of the readings, (k,).
        subject: sub-network of each reading, every number from 0 to n - 1, (k,).
        window: time window of each reading, every number from 0 to m - 1, (k,).
    """
    levels, drift = _median_polish(log_times, subject, window)
    weights = slopes = np.ones_like(log_times)
    for _ in range(MAX_SWEEPS):
        weights, slopes = _weights(log_times - levels[subject] - drift[window], window)
        drift = _weighted_mean(log_times - levels[subject], window, weights)
        drift -= np.median(drift)
        before, levels = levels, _weighted_mean(log_times - drift[window], subject, weights)
        if np.max(np.abs(levels - before)) < TOLERANCE:
            break
    residuals = log_times - levels[subject] - drift[window]
    return Fit(levels=levels, drift=drift, residuals=residuals, weights=weights, slopes=slopes)


def steady_stretches(
    log_times: Floats, subject: Indices, window: Indices, levels: Floats
) -> Indices:
    """Merge neighbouring windows between which the host's speed did not change.

    The speed of a shared host is constant for seconds and then another one: short windows alone
    take the noise of sub-networks for drift, long ones mix two speeds. Optimal partitioning of the
    windows' medians (B. Jackson et al., IEEE Signal Processing Letters 12, 2005) finds the changes.

    Args:
        log_times: logarithms of the readings, (k,).
        subject: sub-network of each reading, (k,).
        window: time window of each reading, in order of time, every number from 0 to m - 1, (k,).
        levels: of each sub-network, log units.

    Returns:
        The stretch of each window, every number from 0 on, (m,).
    """
    residuals = log_times - levels[subject]
    speed = grouped_median(residuals, window)
    noise = MAD_TO_SD * np.median(np.abs(residuals - speed[window]))
    readings = np.bincount(window)
    weight = readings / (MEDIAN_INEFFICIENCY * max(noise, SMALLEST_SCALE) ** 2)
    return _partition(speed, weight)


def _partition(speed: Floats, weight: Floats) -> Indices:
    """Cut (m,) values into stretches of least weighted squares plus a penalty for each."""
    count = speed.size
    total = np.append(0, np.cumsum(weight))
    first = np.append(0, np.cumsum(weight * speed))
    second = np.append(0, np.cumsum(weight * speed**2))
    least, start = np.zeros(count + 1), np.zeros(count + 1, np.intp)
    for end in range(1, count + 1):
        begin = slice(max(0, end - LONGEST_STEADY), end)
        mass, pull = total[end] - total[begin], first[end] - first[begin]
        cost = least[begin] + second[end] - second[begin] - pull**2 / mass
        best = int(cost.argmin())
        least[end], start[end] = cost[best] + CHANGE_PENALTY, begin.start + best
    begins = np.zeros(count, np.intp)
    end = count
    while end > 0:
        end = int(start[end])
        begins[end] = 1
    return np.cumsum(begins) - 1


def standard_errors(fit: Fit, subject: Indices, visit: Indices) -> Floats:
    """Return the standard error of each level, (n,); infinite for a single visit.

    Whole visits are the units (a cluster-robust sandwich), so it sees what varies between rounds;
    levels and drift that were fitted to them are counted as lost visits.

    Args:
        fit: the readings, split.
        subject: sub-network of each reading, (k,).
        visit: visit of each reading, every number from 0 on, (k,).
    """
    pulls = np.bincount(visit, fit.weights * fit.residuals)
    owner = np.zeros(pulls.size, np.intp)
    owner[visit] = subject
    visits = np.bincount(owner)
    firmness = np.bincount(subject, fit.slopes)
    squares = np.bincount(owner, pulls**2)
    free = max(1, visits.sum() - fit.levels.size - fit.drift.size)
    known = (visits > 1) & (firmness > 0)
    errors = np.full(visits.size, np.inf)
    errors[known] = np.sqrt(squares[known] * visits.sum() / free) / firmness[known]
    return errors


def quantile(visits: int) -> float:
    """Return Student's two-sided quantile for an error estimated from ``visits`` visits."""
    return float(stdtrit(max(1, visits - 1), (1 + CONFIDENCE) / 2))


def grouped_median(values: Floats, groups: Indices) -> Floats:
    """Return the median of ``values`` (k,) in each group; groups are 0 to g - 1, none empty."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    ordered = values[order]
    low, high = starts + (sizes - 1) // 2, starts + sizes // 2
    medians: Floats = (ordered[low] + ordered[high]) / 2
    return medians


def _median_polish(log_times: Floats, subject: Indices, window: Indices) -> tuple[Floats, Floats]:
    levels = grouped_median(log_times, subject)
    drift = grouped_median(log_times - levels[subject], window)
    for _ in range(MAX_SWEEPS):
        before, levels = levels, grouped_median(log_times - drift[window], subject)
        drift = grouped_median(log_times - levels[subject], window)
        if np.max(np.abs(levels - before)) < TOLERANCE:
            break
    return levels, drift


def _weights(residuals: Floats, window: Indices) -> tuple[Floats, Floats]:
    """Return Huber weights in units of each window's own noise, and the slopes of :class:`Fit`."""
    deviations = np.abs(residuals)
    session = np.median(deviations) ** 2
    own = grouped_median(deviations, window) ** 2
    scale = MAD_TO_SD * np.sqrt(WINDOW_SHARE * own + (1 - WINDOW_SHARE) * session)
    scale = np.maximum(scale, SMALLEST_SCALE)[window]
    trust = np.minimum(1, HUBER_LIMIT * scale / np.maximum(deviations, SMALLEST_SCALE))
    return trust / scale**2, (trust == 1) / scale**2


def _weighted_mean(values: Floats, groups: Indices, weights: Floats) -> Floats:
    means: Floats = np.bincount(groups, weights * values) / np.bincount(groups, weights)
    return means

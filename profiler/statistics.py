"""Summaries and intervals of interleaved readings, with slow drift removed. Pure.

Model: log(reading) = level of the sub-network + drift of the time window + noise. Both are fitted
by alternating medians (a median polish, J. W. Tukey, Exploratory Data Analysis, 1977), which
neither bursts nor a few wild sub-networks can pull away.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MAX_SWEEPS = 20
TOLERANCE = 1e-5
"""A sweep that moves no level by more than 0.001 % is the last."""

CONFIDENCE = 0.95

MEDIAN_PENALTY = 1.2533
"""The standard error of a median over that of a mean, for normal noise: sqrt(pi / 2)."""

MAD_TO_SD = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of normal noise."""


def grouped_median(values: Floats, groups: Indices, count: int) -> Floats:
    """Return the median of ``values`` (k,) within each group, float (count,); NaN where empty."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    starts = np.cumsum(sizes) - sizes
    ordered = values[order]
    medians = np.full(count, np.nan)
    filled = sizes > 0
    low = starts[filled] + (sizes[filled] - 1) // 2
    high = starts[filled] + sizes[filled] // 2
    medians[filled] = (ordered[low] + ordered[high]) / 2
    return medians


def fit_drift(log_times: Floats, subject: Indices, window: Indices) -> tuple[Floats, Floats]:
    """Split log readings into levels and drift.

    Args:
        log_times: logarithms of the readings, (k,).
        subject: sub-network of each reading, 0 to n - 1, (k,).
        window: time window of each reading, 0 to m - 1, (k,).

    Returns:
        Levels (n,) and drift (m,), whose median is 0; NaN for numbers that have no reading.
    """
    subjects, windows = int(subject.max()) + 1, int(window.max()) + 1
    levels = grouped_median(log_times, subject, subjects)
    drift = np.zeros(windows)
    for _ in range(MAX_SWEEPS):
        drift = grouped_median(log_times - levels[subject], window, windows)
        drift -= np.nanmedian(drift)
        before, levels = levels, grouped_median(log_times - drift[window], subject, subjects)
        if np.nanmax(np.abs(levels - before)) < TOLERANCE:
            break
    return levels, drift


def standard_error(visit_residuals: Floats) -> float:
    """Return the standard error of a level from the mean residual of each of its visits, (r,).

    It sees what varies between rounds, because whole visits are its units; r < 2 gives infinity.
    The deviation is robust (median absolute deviation, corrected for few visits).
    """
    count = visit_residuals.size
    if count < 2:  # noqa: PLR2004 -- one visit shows no variation
        return float("inf")
    deviation = np.median(np.abs(visit_residuals - np.median(visit_residuals)))
    few = count / (count - 0.8)
    return float(MEDIAN_PENALTY * MAD_TO_SD * few * deviation / np.sqrt(count))


def quantile(visits: int) -> float:
    """Return Student's two-sided quantile for an error estimated from ``visits`` visits."""
    return float(stdtrit(max(1, visits - 1), (1 + CONFIDENCE) / 2))

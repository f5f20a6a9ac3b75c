import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latbase.profiler import statistics
from latbase.profiler.statistics import (
    fit_drift,
    grouped_median,
    quantile,
    standard_errors,
    steady_stretches,
)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6)), min_size=1))
def test_grouped_medians_are_medians(pairs: list[tuple[int, float]]):
    _, groups = np.unique([group for group, _ in pairs], return_inverse=True)
    values = np.array([value for _, value in pairs])
    expected = [np.median(values[groups == group]) for group in range(groups.max() + 1)]
    np.testing.assert_allclose(grouped_median(values, groups), expected, rtol=1e-12)


def session(seed: int = 0, noise: float = 0.01) -> tuple[np.ndarray, ...]:
    """Twenty sub-networks, forty windows of drift of 10 %, bursts in a tenth of the readings."""
    rng = np.random.default_rng(seed)
    levels, drift = np.log(rng.uniform(14, 16, 20)), np.cumsum(rng.normal(0, 0.03, 40))
    subject = np.tile(np.arange(20), 40)
    window = np.repeat(np.arange(40), 20)
    bursts = rng.random(subject.size) < 0.1
    log_times = levels[subject] + drift[window] + rng.normal(0, noise, subject.size)
    return levels, log_times + bursts * rng.exponential(1.0, subject.size), subject, window


def test_drift_and_bursts_are_removed():
    levels, log_times, subject, window = session()
    fitted = fit_drift(log_times, subject, window).levels
    error = (fitted - levels) - np.median(fitted - levels)
    assert np.abs(error).max() < 0.01
    raw = np.array([np.mean(log_times[subject == i]) for i in range(20)])
    assert np.std(error) < 0.2 * np.std(raw - levels)


@given(st.floats(-2, 2))
def test_a_slower_host_shifts_all_levels_alike(offset: float):
    _, log_times, subject, window = session()
    before = fit_drift(log_times, subject, window).levels
    after = fit_drift(log_times + offset, subject, window).levels
    np.testing.assert_allclose(after - before, offset, atol=1e-9)


def test_drift_has_median_zero():
    _, log_times, subject, window = session()
    fit = fit_drift(log_times, subject, window)
    assert np.median(fit.drift) == pytest.approx(0, abs=1e-9)


def test_a_change_of_speed_is_found_where_it_is_and_noise_is_none():
    """Two speeds that alternate every five windows of six readings; noise of 2 %."""
    rng = np.random.default_rng(3)
    window = np.repeat(np.arange(60), 6)
    subject = np.concatenate([rng.permutation(20) for _ in range(18)])
    levels = np.log(rng.uniform(14, 16, 20))
    speed = 0.3 * (window // 5 % 2)
    log_times = levels[subject] + speed + rng.normal(0, 0.02, window.size)
    stretch = steady_stretches(log_times, subject, window, levels)
    np.testing.assert_array_equal(stretch, np.arange(60) // 5)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.floats(1, 100))
def test_stretches_are_the_best_of_all_partitions(speed: list[float], weight: float):
    """Against every way to cut the windows."""
    values, weights = np.array(speed), np.full(len(speed), weight)

    def loss(stretch: np.ndarray) -> float:
        means = np.bincount(stretch, values) / np.bincount(stretch)
        squares = weight * ((values - means[stretch]) ** 2).sum()
        return float(squares + statistics.CHANGE_PENALTY * (1 + stretch.max()))

    cuts = itertools.product((0, 1), repeat=len(speed) - 1)
    best = min(loss(np.cumsum((0, *cut))) for cut in cuts)
    assert loss(statistics._partition(values, weights)) == pytest.approx(best, abs=1e-6)


def test_the_noise_of_a_window_is_half_its_own_and_half_the_sessions():
    """Two windows of the session's noise, and one three times as noisy: 1 to (1 + 9) / 2."""
    window = np.repeat([0, 1, 2], 4)
    residuals = np.tile([1.0, -1.0], 6) * np.array([1, 1, 3])[window]
    weights, _ = statistics._weights(residuals, window)
    assert weights[0] / weights[-1] == pytest.approx(5)


def test_standard_errors_are_honest_whether_visits_or_readings_vary():
    """Readings of one visit share most of their noise: sixteen visits, not thirty-two readings."""
    rng = np.random.default_rng(1)
    subject = np.repeat(np.arange(8), 32)
    visit = np.repeat(np.arange(8 * 16), 2)
    window = np.tile(np.repeat(np.arange(16), 2), 8)
    levels, errors = [], []
    for _ in range(200):
        shared = np.repeat(rng.normal(0, 0.02, 8 * 16), 2)
        fit = fit_drift(shared + rng.normal(0, 0.002, shared.size), subject, window)
        levels.append(fit.levels - fit.levels.mean())
        errors.append(standard_errors(fit, subject, visit))
    assert np.mean(errors) == pytest.approx(np.std(levels), rel=0.2)


def test_one_visit_says_nothing_about_variation():
    subject = np.array([0, 0, 1, 1, 1, 1])
    fit = fit_drift(np.array([1.0, 1.1, 2.0, 2.1, 2.0, 2.2]), subject, np.array([0, 0, 0, 0, 1, 1]))
    errors = standard_errors(fit, subject, np.array([0, 0, 1, 1, 2, 2]))
    assert np.isinf(errors[0])
    assert np.isfinite(errors[1])


def test_readings_that_all_agree_have_no_error():
    subject, window = np.repeat([0, 1], 4), np.tile([0, 1], 4)
    fit = fit_drift(np.repeat([2.0, 3.0], 4), subject, window)
    np.testing.assert_allclose(fit.levels, [2, 3])
    assert np.max(standard_errors(fit, subject, np.arange(8))) < 1e-9


def test_quantiles_grow_with_ignorance():
    assert quantile(2) > quantile(5) > quantile(1000) == pytest.approx(1.96, abs=0.01)

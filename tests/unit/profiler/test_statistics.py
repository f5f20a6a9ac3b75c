import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latbase.profiler.statistics import fit_drift, grouped_median, quantile, standard_error


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6)), min_size=1))
def test_grouped_medians_are_medians(pairs: list[tuple[int, float]]):
    groups = np.array([group for group, _ in pairs])
    values = np.array([value for _, value in pairs])
    found = grouped_median(values, groups, 5)
    for group in range(5):
        own = values[groups == group]
        expected = np.median(own) if own.size else np.nan
        np.testing.assert_allclose(found[group], expected, rtol=1e-12)


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
    fitted, _ = fit_drift(log_times, subject, window)
    error = (fitted - levels) - np.median(fitted - levels)
    assert np.abs(error).max() < 0.01
    raw = np.array([np.mean(log_times[subject == i]) for i in range(20)])
    assert np.std(error) < 0.2 * np.std(raw - levels)


@given(st.floats(-2, 2))
def test_a_slower_host_shifts_all_levels_alike(offset: float):
    _, log_times, subject, window = session()
    before, _ = fit_drift(log_times, subject, window)
    after, _ = fit_drift(log_times + offset, subject, window)
    np.testing.assert_allclose(after - before, offset, atol=1e-9)


def test_drift_has_median_zero():
    _, log_times, subject, window = session()
    _, drift = fit_drift(log_times, subject, window)
    assert np.median(drift) == pytest.approx(0, abs=1e-9)


def test_standard_error_is_honest_for_normal_noise():
    rng = np.random.default_rng(1)
    medians, errors = [], []
    for _ in range(400):
        visits = rng.normal(0, 0.02, 16)
        medians.append(np.median(visits))
        errors.append(standard_error(visits))
    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.15)


def test_one_visit_says_nothing_about_variation():
    assert standard_error(np.array([0.1])) == np.inf


def test_quantiles_grow_with_ignorance():
    assert quantile(2) > quantile(5) > quantile(1000) == pytest.approx(1.96, abs=0.01)

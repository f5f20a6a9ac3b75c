"""The spread of a prediction tells how far off the truth is likely to be, in the value's unit."""

import numpy as np
import numpy.typing as npt
import pytest

from latbase.searcher import fit_predictor, predictor_kinds
from latbase.searcher.predictors import transfer, warped
from latbase.searcher.predictors.base import Model
from latbase.searcher.threads import one_thread

Floats = npt.NDArray[np.float64]

TRAINING = slice(120)
HELD_OUT = slice(120, 520)
WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0])


class Elsewhere:
    """A source that is three times as fast."""

    def __init__(self, weights: Floats) -> None:
        self._weights = weights

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        return (10.0 + features @ self._weights) / 3.0, np.zeros(len(features))


@pytest.fixture(scope="module")
def features() -> Floats:
    return np.random.default_rng(0).random((520, 4))


@pytest.fixture(scope="module")
def noise(features: Floats) -> Floats:
    return np.random.default_rng(1).normal(size=len(features))


@pytest.fixture(scope="module")
def noisy(features: Floats, noise: Floats) -> Floats:
    """Return a linear function with a noise of 5 %."""
    return np.asarray((10.0 + features @ WEIGHTS) * (1.0 + 0.05 * noise))


def assert_spread_is_about_the_error(model: Model, features: Floats, y: Floats) -> None:
    mean, spread = model.predict(features[HELD_OUT])
    ratio = np.sqrt((spread**2).mean() / ((mean - y[HELD_OUT]) ** 2).mean())
    assert 0.5 < ratio < 2.0


@pytest.mark.parametrize("kind", [*predictor_kinds(), "auto"])
def test_spread_is_about_the_error_on_held_out_rows(
    kind: str, features: Floats, noisy: Floats
) -> None:
    model = fit_predictor(features[TRAINING], noisy[TRAINING], kind=kind).model
    assert_spread_is_about_the_error(model, features, noisy)


@pytest.mark.parametrize("misses", [False, True])
def test_spread_of_transfer_is_about_the_error_whether_or_not_sources_miss_something(
    misses: bool, features: Floats, noisy: Floats
) -> None:
    source = Elsewhere(WEIGHTS * [1.0, 1.0, 1.0, not misses])
    with one_thread():
        model = transfer.fit(features[TRAINING], noisy[TRAINING], [source])
    assert (model.residual is not None) == misses
    assert_spread_is_about_the_error(model, features, noisy)


@pytest.mark.parametrize("side", [warped.CEILING, warped.FLOOR])
def test_spread_of_a_warped_process_is_in_the_unit_of_the_values(
    side: float, features: Floats, noise: Floats
) -> None:
    distance = np.exp(-side * 0.3 * features @ WEIGHTS)
    y = 1000.0 * (20.0 - side * (10.0 + 0.15 * noise) * distance)
    model = fit_predictor(features[TRAINING], y[TRAINING], kind="gp").model
    assert isinstance(model, warped.WarpedProcess)
    assert model.side == side
    assert_spread_is_about_the_error(model, features, y)

"""Ridge regression in closed form; one decomposition gives the leave-one-out error per penalty."""

from dataclasses import dataclass, replace

import numpy as np

from latbase.searcher.predictors.base import Features, Scaling, Values, robust_deviation

PENALTIES = np.logspace(-4, 4, 33)
"""Penalties tried, relative to the number of rows."""

TOLERANCE = 1.0
"""Leave-one-out errors beyond that many standard deviations count as that many."""

ROBUST_ROUNDS = 4
"""Fits on the way to the robust one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """A linear model of standardised features.

    Attributes:
        scaling: of the features.
        intercept: mean of the training values.
        weights: float (f,), per standardised feature.
        axes: float (f, f), principal axes of the training features.
        shrinkage: float (f,), inverse of squared singular value plus penalty.
        noise: standard deviation of the leave-one-out errors; of a robust fit, that of a row which
            no others contradict.
    """

    scaling: Scaling
    intercept: float
    weights: Values
    axes: Features
    shrinkage: Values
    noise: float

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        return self.scaling.apply(features) @ self.weights + self.intercept

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each."""
        x = self.scaling.apply(features)
        leverage = ((x @ self.axes) ** 2) @ self.shrinkage
        return self.mean(features), self.noise * np.sqrt(1.0 + leverage)


def fit(features: Features, y: Values) -> Ridge:
    """Fit on float (n, f) and (n,), n >= 2."""
    scaling = Scaling.of(features)
    x = scaling.apply(features)
    intercept = float(y.mean())
    target = y - intercept
    # Not an SVD of x: LAPACK's does not always converge on collinear one-hot columns.
    squares, axes = np.linalg.eigh(x.T @ x)
    rotated = x @ axes
    # Leave-one-out errors of every penalty at once: residual / (1 - leverage).
    shrinkages = 1.0 / (np.maximum(squares, 0.0) + len(y) * PENALTIES[:, None])
    fitted = (shrinkages * (rotated.T @ target)) @ rotated.T
    leverages = shrinkages @ (rotated**2).T + 1.0 / len(y)
    errors = (target - fitted) / np.maximum(1.0 - leverages, 1e-9)
    mean_squares = (errors**2).mean(axis=1)
    best = int(mean_squares.argmin())
    return Ridge(
        scaling=scaling,
        intercept=intercept,
        weights=axes @ (shrinkages[best] * (rotated.T @ target)),
        axes=axes,
        shrinkage=shrinkages[best],
        noise=float(np.sqrt(mean_squares[best])),
    )


def fit_robust(features: Features, y: Values) -> Ridge:
    """Fit on float (n, f) and (n,), n >= 2; a row that all others contradict pulls no harder.

    Huber's estimate: measured latencies have heavy right tails, which least squares would follow.
    """
    target = y
    for _ in range(ROBUST_ROUNDS):
        model = fit(features, target)
        others = _left_out(model, features, target)
        error = y - others
        most = TOLERANCE * robust_deviation(error)
        target = others + np.clip(error, -most, most)
    model = fit(features, target)
    return replace(model, noise=robust_deviation(y - _left_out(model, features, target)))


def _left_out(model: Ridge, features: Features, y: Values) -> Values:
    """Return predictions of each training row from all others, float (n,)."""
    x = model.scaling.apply(features)
    leverage = ((x @ model.axes) ** 2) @ model.shrinkage + 1.0 / len(y)
    return y - (y - model.mean(features)) / np.maximum(1.0 - leverage, 1e-9)

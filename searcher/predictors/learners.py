"""Gradient boosting and a multi-layer perceptron.

scikit-learn does the learning; here are the settings and the common form.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from latbase.searcher.predictors.base import Features, Scaling, Values, halves


class Regressor(Protocol):
    """What scikit-learn's regressors share."""

    def fit(self, x: Features, y: Values, /) -> object:
        """Learn float (n,) from float (n, f)."""

    def predict(self, x: Features, /) -> Values:
        """Return float (n,) for float (n, f)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A regressor on standardised features and values.

    Attributes:
        scaling: of the features.
        regressor: the fitted regressor.
        centre: mean of the training values.
        unit: their standard deviation.
        noise: standard deviation of held-out errors.
    """

    scaling: Scaling
    regressor: Regressor
    centre: float
    unit: float
    noise: float = 0.0

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        found = self.regressor.predict(self.scaling.apply(features))
        return np.asarray(found * self.unit + self.centre)

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each; the spread is the same everywhere."""
        return self.mean(features), np.full(len(features), self.noise)


def fit_boosting(features: Features, y: Values) -> Learned:
    """Fit boosted regression trees on float (n, f) and (n,)."""
    return _fit(
        lambda: HistGradientBoostingRegressor(
            loss="absolute_error", learning_rate=0.1, min_samples_leaf=5, random_state=0
        ),
        features,
        y,
    )


def fit_perceptron(features: Features, y: Values) -> Learned:
    """Fit a network of two hidden layers on float (n, f) and (n,)."""
    return _fit(
        lambda: MLPRegressor(
            hidden_layer_sizes=(64, 64), solver="lbfgs", alpha=0.1, max_iter=200, random_state=0
        ),
        features,
        y,
    )


def _fit(make: Callable[[], Regressor], features: Features, y: Values) -> Learned:
    def learned(features: Features, y: Values, noise: float = 0.0) -> Learned:
        scaling = Scaling.of(features)
        centre, unit = float(y.mean()), float(y.std()) or 1.0
        regressor = make()
        with warnings.catch_warnings():
            # A perceptron that has used up its iterations is a fitted one.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regressor.fit(scaling.apply(features), (y - centre) / unit)
        return Learned(scaling=scaling, regressor=regressor, centre=centre, unit=unit, noise=noise)

    return learned(features, y, halves(learned, features, y))

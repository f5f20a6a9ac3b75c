"""Support-vector regression with an RBF kernel: robust to heavy tails (§4.2 of the paper)."""

from dataclasses import dataclass

import numpy as np
from sklearn.svm import SVR

from latbase.searcher.predictors.base import Features, Scaling, Values, halves

PENALTY = 10.0
"""Weight of an error against smoothness, for values of variance 1."""

TOLERANCE = 0.02
"""Errors below it cost nothing, in standard deviations of the values."""

REACH = 0.1
"""Kernel exponent per feature, for standardised features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportVectors:
    """A fitted machine.

    Attributes:
        scaling: of the features.
        machine: on standardised features and values.
        centre: median of the training values.
        unit: their standard deviation.
        noise: standard deviation of held-out errors.
    """

    scaling: Scaling
    machine: SVR
    centre: float
    unit: float
    noise: float = 0.0

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        found = self.machine.predict(self.scaling.apply(features))
        return np.asarray(found * self.unit + self.centre)

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each; the spread is the same everywhere."""
        return self.mean(features), np.full(len(features), self.noise)


def fit(features: Features, y: Values) -> SupportVectors:
    """Fit on float (n, f) and (n,), n >= 3."""
    return _fit(features, y, halves(_fit, features, y))


def _fit(features: Features, y: Values, noise: float = 0.0) -> SupportVectors:
    scaling = Scaling.of(features)
    centre, unit = float(np.median(y)), float(y.std()) or 1.0
    x = scaling.apply(features)
    machine = SVR(C=PENALTY, epsilon=TOLERANCE, gamma=REACH / max(x.shape[1], 1))
    machine.fit(x, (y - centre) / unit)
    return SupportVectors(scaling=scaling, machine=machine, centre=centre, unit=unit, noise=noise)

"""Predict a new configuration from predictors of others: ten measurements instead of thousands.

A non-negative combination of the others' predictions (similar devices get weight, dissimilar ones
none) has the least relative error by Huber's loss: a disturbed row cannot pull it away. From thirty
rows on a Gaussian process may learn what the combination misses, if that clearly lowers its error:
where noise hides what is missed, the process would learn the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from latbase.searcher.knowledge import Source
from latbase.searcher.predictors import gaussian_process
from latbase.searcher.predictors.base import Features, Values, convinces, robust_deviation
from latbase.searcher.predictors.gaussian_process import GaussianProcess, Groups, Unevenness

RESIDUAL_ROWS = 30
"""Fewer rows than this cannot say what a combination of sources misses."""

ROUNDS = 15
"""Reweightings on the way from least squares to Huber's loss, linear beyond one deviation."""

LEAST_SIZE = 1e-3
"""Smallest value whose relative error counts in full, as a share of the usual one."""

LEAST_FREEDOM = 0.05
"""What a row that decides a weight alone is thought to leave to the others."""

SHRINKAGE = 1e-4
"""Penalty on squared weights: among sources that agree, share the weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A weighted sum of source predictions.

    Attributes:
        weights: float (k,), none negative.
        spread: robust standard deviation of the relative error.
        left_out: float (n,), combination of each training row fitted on all others.
    """

    weights: Values
    spread: float
    left_out: Values

    def __call__(self, basis: Features) -> Values:
        """Combine source predictions, float (n, k)."""
        return np.asarray(basis @ self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A combination of sources, and a process of what it misses.

    Attributes:
        sources: predictors of other configurations.
        combination: how they combine.
        residual: Gaussian process of the error, None where there are too few rows.
        unevenness: how the noise depends on the size of a value.
        left_out: float (n,), predictions of each training row from all others.
    """

    sources: tuple[Source, ...]
    combination: Combination
    residual: GaussianProcess | None
    unevenness: Unevenness
    left_out: Values

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        combined = self.combination(basis(self.sources, features))
        return combined if self.residual is None else combined + self.residual.mean(features)

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each."""
        combined = self.combination(basis(self.sources, features))
        if self.residual is None:
            return combined, np.abs(combined) * self.combination.spread
        correction, spread = self.residual.predict(
            features, lambda centre: self.unevenness(combined + centre)
        )
        return combined + correction, spread

    def doubt(self, features: Features, /) -> Features:
        """Return the covariance of what is not known, float (n, n), in variances of the noise.

        A combination of sources has few weights to learn: without a residual nothing is in doubt.
        """
        if self.residual is None:
            return np.zeros((len(features), len(features)))
        return self.residual.doubt(features)


def fit(
    features: Features,
    y: Values,
    sources: Sequence[Source],
    groups: Groups | None = None,
    start: Transfer | None = None,
) -> Transfer:
    """Fit on float (n, f) and (n,), n >= 3, with at least one source of the same features.

    Args:
        features: float (n, f).
        y: float (n,).
        sources: predictors of other configurations.
        groups: columns of each group of features.
        start: an earlier fit on almost as many rows, whose hyper-parameters are kept.
    """
    known = basis(sources, features)
    combination = combine(known, y)
    combined = combination(known)
    residual, left_out, unevenness = None, combination.left_out, Unevenness.of(y)
    if len(y) >= RESIDUAL_ROWS:
        before = start.residual.logarithms if start and start.residual else None
        process = gaussian_process.fit(
            features,
            y - combined,
            groups,
            before,
            refine=before is None,
            relative=unevenness(y),
        )
        corrected = combined + process.left_out
        if convinces(y - corrected, y - left_out):
            residual, left_out = process, corrected
    return Transfer(
        sources=tuple(sources),
        combination=combination,
        residual=residual,
        unevenness=unevenness,
        left_out=left_out,
    )


def basis(sources: Sequence[Source], features: Features) -> Features:
    """Return what every source predicts, float (n, k)."""
    return np.column_stack([source.predict(features)[0] for source in sources])


def combine(known: Features, y: Values) -> Combination:
    """Fit a combination of float (n, k) to (n,), least in relative error by Huber's loss."""
    usual = float(np.median(np.abs(y)) or np.abs(y).max() or 1.0)  # most or all may be zero
    unit = np.median(np.abs(known), axis=0) / usual
    scale = np.maximum(np.abs(y), LEAST_SIZE * usual)
    design, target = known / scale[:, None], y / scale
    penalty, nothing = np.diag(np.sqrt(SHRINKAGE) * unit), np.zeros(len(unit))
    importance = np.ones(len(y))
    for _ in range(ROUNDS):
        rows = np.vstack([design * importance[:, None], penalty])
        weights = optimize.nnls(rows, np.append(target * importance, nothing))[0]
        error = target - design @ weights
        spread = robust_deviation(error) + 1e-6
        importance = 1.0 / np.sqrt(np.maximum(np.abs(error) / spread, 1.0))
    axes = np.linalg.qr(rows[:, weights > 0])[0][: len(y)]
    left_out = y - scale * error / np.maximum(1.0 - (axes**2).sum(axis=1), LEAST_FREEDOM)
    return Combination(weights=weights, spread=spread, left_out=left_out)

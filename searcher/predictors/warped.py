"""Gaussian process on warped values: accuracy saturates towards a ceiling, latency towards a floor.

In the logarithm of the distance to that limit, what blocks contribute adds up better, so fewer
evaluations suffice. Leave-one-out error decides whether to warp, and which way.
"""

from dataclasses import dataclass

import numpy as np

from latbase.searcher.predictors import gaussian_process
from latbase.searcher.predictors.base import Features, Values
from latbase.searcher.predictors.gaussian_process import GaussianProcess, Groups, Unevenness

HEADROOM = 1.0
"""Distance of the limit from the nearest value, as a share of the range of the values.

A nearer one lets the front, which lies beyond the first evaluations, saturate too soon.
"""

LEAST_DISTANCE = 1e-12
"""Distance from the limit at which values are no longer told apart from it."""

CEILING, NONE, FLOOR = 1.0, 0.0, -1.0
"""On which side of the values the limit is; 0 for a process on the values as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpedProcess:
    """A Gaussian process of the logarithm of the distance to a limit.

    Attributes:
        process: the process on the warped values.
        side: one of :data:`CEILING`, :data:`NONE`, :data:`FLOOR`.
        limit: the value never reached; unused without warping.
        unevenness: how the noise of warped values depends on the size of a value.
    """

    process: GaussianProcess
    side: float
    limit: float
    unevenness: Unevenness

    def mean(self, features: Features, /) -> Values:
        """Return the expected value (of a warped one: the median), float (n,)."""
        return self._unwarp(self.process.mean(features))

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each."""
        centre, spread = self.process.predict(features, self._relative_noise)
        mean = self._unwarp(centre)
        return mean, spread / _slope(mean, self.side, self.limit)

    def doubt(self, features: Features, /) -> Features:
        """Return the covariance of what is not known, float (n, n), in variances of the noise."""
        return self.process.doubt(features)

    @property
    def left_out(self) -> Values:
        """Predictions of each training row from all others, float (n,)."""
        return self._unwarp(self.process.left_out)

    def _relative_noise(self, warped: Values) -> Values:
        mean = self._unwarp(warped)
        return self.unevenness(mean, _slope(mean, self.side, self.limit))

    def _unwarp(self, warped: Values) -> Values:
        if self.side == NONE:
            return warped
        return self.limit - self.side * np.exp(-self.side * warped)


def fit(
    features: Features,
    y: Values,
    groups: Groups | None = None,
    start: WarpedProcess | None = None,
) -> WarpedProcess:
    """Fit on float (n, f) and (n,), n >= 3.

    Args:
        features: float (n, f).
        y: float (n,).
        groups: columns of each group of features.
        start: an earlier fit on almost as many rows, whose warping and hyper-parameters are kept.
    """
    if start is not None:
        return _fit(features, y, groups, start.side, start.process.logarithms)
    fits = [_fit(features, y, groups, side, None) for side in (NONE, CEILING, FLOOR)]
    return min(fits, key=lambda fitted: float(((fitted.left_out - y) ** 2).mean()))


def _fit(
    features: Features, y: Values, groups: Groups | None, side: float, start: Values | None
) -> WarpedProcess:
    limit = (y.max() if side == CEILING else y.min()) + side * HEADROOM * np.ptp(y)
    slope = _slope(y, side, limit)
    target = y if side == NONE else side * np.log(slope)
    unevenness = Unevenness.of(y, slope)
    process = gaussian_process.fit(
        features,
        target,
        groups,
        start,
        refine=start is None,
        relative=unevenness(y, slope),
    )
    return WarpedProcess(process=process, side=side, limit=float(limit), unevenness=unevenness)


def _slope(values: Values, side: float, limit: float) -> Values:
    """Return the slope of the warping at float (n,): what it stretches spreads by."""
    if side == NONE:
        return np.ones(len(values))
    return np.asarray(1.0 / np.maximum(side * (limit - values), LEAST_DISTANCE))

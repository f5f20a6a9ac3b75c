"""What a predictor is, how it is judged, and the checks that every kind shares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from latbase.errors import PredictorError

Features = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]

CONVINCING = 1.5
"""Standard errors by which a residual must do better before it corrects a combination of sources.

With one, ten to fifty noisy rows still preferred the richer model by luck.
"""


MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation of normal errors, in their median size."""


class Score(NamedTuple):
    """How well predictions follow the truth.

    Attributes:
        tau: Kendall's rank correlation (tau-b), -1 to 1.
        mape_percent: mean absolute error as a percentage of the true value.
    """

    tau: float
    mape_percent: float


class Model(Protocol):
    """A fitted regression."""

    def mean(self, features: Features, /) -> Values:
        """Return the expected value alone, float (n,): what inner searches call."""

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread (standard deviation of the truth about it), float (n,) each."""


@runtime_checkable
class Doubting(Protocol):
    """A model that knows how its uncertainties hang together."""

    def doubt(self, features: Features, /) -> Features:
        """Return the covariance of what is not known, float (n, n), in variances of the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A fitted predictor of one metric.

    Attributes:
        kind: which regression it is: ``ridge``, ``gp``, …, ``transfer``.
        model: the fitted regression.
        width: number of features it was fitted on.
        n_train: rows it was fitted on.
        scores: cross-validated score by kind, where the kind was chosen by comparing.
    """

    kind: str
    model: Model
    width: int
    n_train: int
    scores: tuple[tuple[str, Score], ...] = ()

    def predict(self, features: Features) -> tuple[Values, Values]:
        """Return mean and spread in the metric's unit, float (n,) each, for float (n, f).

        Raises:
            PredictorError: the features are not those it was fitted on, or not finite.
        """
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.width:  # noqa: PLR2004 - a matrix
            raise PredictorError(
                f"Features have shape {features.shape}; this predictor takes (n, {self.width})."
            )
        if not np.isfinite(features).all():
            raise PredictorError("Features must be finite numbers.")
        return self.model.predict(features)

    def score(self, features: Features, y: Values) -> Score:
        """Compare predictions for ``features`` with the true values ``y``, float (n,)."""
        return score(self.predict(features)[0], np.asarray(y, dtype=np.float64))


def score(predicted: Values, true: Values) -> Score:
    """Return Kendall's tau and the mean absolute percentage error; zero truths are left out."""
    from scipy.stats import kendalltau  # noqa: PLC0415 - half a second that fronts do not need

    tau = float(kendalltau(predicted, true).statistic)
    measurable = true != 0
    error = np.abs(predicted[measurable] / true[measurable] - 1.0)
    return Score(tau, float(100.0 * error.mean()) if error.size else float("nan"))


def convinces(challenger: Values, holder: Values, margin: float = CONVINCING) -> bool:
    """Tell whether errors on the same rows, float (n,) each, are smaller in size.

    On average, that is, and by more than ``margin`` standard errors.
    """
    gain = np.abs(holder) - np.abs(challenger)
    return bool(gain.mean() > margin * gain.std() / np.sqrt(len(gain)))


def robust_deviation(errors: Values) -> float:
    """Return the standard deviation of ``errors`` about zero, from their median size.

    A few disturbed ones, however large, leave it as it is.
    """
    return MEDIAN_TO_DEVIATION * float(np.median(np.abs(errors)))


def halves(fit: Callable[[Features, Values], Model], features: Features, y: Values) -> float:
    """Return the standard deviation of errors on each half of the rows, fitted on the other."""
    odd = np.arange(len(y)) % 2 == 1
    errors = [fit(features[mask], y[mask]).mean(features[~mask]) - y[~mask] for mask in (odd, ~odd)]
    return float(np.concatenate(errors).std())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Centre and spread of every feature column that varies."""

    kept: npt.NDArray[np.bool_]
    centre: Values
    spread: Values

    @classmethod
    def of(cls, features: Features) -> "Scaling":
        """Learn the scaling of float (n, f); columns that never vary are dropped.

        One stays where none varies, as in a half of three rows: regressors need something.
        """
        spread = features.std(axis=0)
        kept = spread > 1e-9 * (1.0 + np.abs(features).max(axis=0, initial=0.0))
        if not kept.any():
            kept[:1], spread = True, np.ones_like(spread)
        return cls(kept=kept, centre=features[:, kept].mean(axis=0), spread=spread[kept])

    def apply(self, features: Features) -> Features:
        """Return the kept columns with mean 0 and standard deviation 1 on the learned rows."""
        return (features[:, self.kept] - self.centre) / self.spread

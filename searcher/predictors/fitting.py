"""Fit a predictor: by kind, or the kind that cross-validation likes best."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from latbase.errors import PredictorError
from latbase.searcher.knowledge import Source
from latbase.searcher.naming import resolve
from latbase.searcher.predictors.base import Features, Model, Predictor, Values
from latbase.searcher.threads import one_thread

KINDS = {
    "ridge": "latbase.searcher.predictors.ridge:fit",
    "gp": "latbase.searcher.predictors.gaussian_process:fit",
}
"""Import paths of the fitting functions by kind."""

LEAST_ROWS = 3
"""Fewer rows than this say nothing about an error."""

AUTO = "auto"


def predictor_kinds() -> tuple[str, ...]:
    """Return the kinds of predictor that come with latbase."""
    return tuple(KINDS)


def fit_predictor(
    features: Features, y: Values, kind: str = AUTO, sources: Sequence[Source] = ()
) -> Predictor:
    """Fit a predictor of one metric.

    Args:
        features: float (n, f), as ``SearchSpace.features`` gives them.
        y: float (n,), the metric in its own unit.
        kind: one of :func:`predictor_kinds`, ``module:function``, or ``auto`` to choose by
            cross-validation.
        sources: predictors of the same metric on other configurations, to transfer from.

    Raises:
        PredictorError: fewer than three rows, shapes that disagree or values that are not finite.
        UnknownNameError: there is no such kind.
    """
    features, y = _checked(features, y)
    del sources
    chosen = "ridge" if kind == AUTO else kind
    with one_thread():
        model = fit_kind(chosen, features, y)
    return Predictor(kind=chosen, model=model, width=features.shape[1], n_train=len(y))


def fit_kind(kind: str, features: Features, y: Values) -> Model:
    """Fit one kind on checked rows."""
    fit = cast("Callable[[Features, Values], Model]", resolve("predictor", kind, KINDS))
    return fit(features, y)


def _checked(features: Features, y: Values) -> tuple[Features, Values]:
    features = np.asarray(features, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if features.ndim != 2 or y.shape != (len(features),):  # noqa: PLR2004 - a matrix
        raise PredictorError(
            f"Features have shape {features.shape} and values {y.shape}; expected (n, f) and (n,)."
        )
    if len(y) < LEAST_ROWS:
        raise PredictorError(
            f"{len(y)} rows are too few to fit a predictor; measure at least {LEAST_ROWS}."
        )
    if not (np.isfinite(features).all() and np.isfinite(y).all()):
        raise PredictorError("Features and values must be finite; leave failed rows out.")
    return features, y

"""How well a kind of predictor does on rows it has not seen."""

import numpy as np

from latbase.errors import PredictorError
from latbase.searcher.predictors.base import Features, Score, Values, score
from latbase.searcher.predictors.fitting import AUTO, LEAST_ROWS, fit_predictor

FOLDS = 5
"""Each row is predicted once, by a predictor fitted on the other four fifths."""


def held_out_score(
    features: Features, y: Values, kind: str = AUTO, *, folds: int = FOLDS, seed: int = 0
) -> Score:
    """Predict every row from a fit on the other folds and compare with the truth.

    Args:
        features: float (n, f).
        y: float (n,), the metric in its own unit.
        kind: as for :func:`fit_predictor`.
        folds: parts the rows are dealt into at random.
        seed: of the dealing.

    Raises:
        PredictorError: too few rows to leave some out.
    """
    if len(y) < folds * LEAST_ROWS:
        raise PredictorError(
            f"{len(y)} measured sub-networks are too few to judge a predictor; "
            f"measure at least {folds * LEAST_ROWS}."
        )
    fold = np.random.default_rng(seed).permutation(len(y)) % folds
    predicted = np.empty(len(y))
    for held_out in range(folds):
        rows = fold == held_out
        fitted = fit_predictor(features[~rows], y[~rows], kind)
        predicted[rows] = fitted.predict(features[rows])[0]
    return score(predicted, y)

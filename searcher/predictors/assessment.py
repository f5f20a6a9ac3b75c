"""How well a kind of predictor does on rows it has not seen."""

from collections.abc import Callable, Sequence

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


def scores_by_size(
    features: Features,
    y: Values,
    kind: str,
    sizes: Sequence[int],
    *,
    test_rows: int,
    trials: int,
    seed: int = 0,
    on_fit: Callable[[int], None] = lambda _done: None,
) -> Values:
    """Score fits of growing size on the same rows, which none of them sees (§5.4 of the paper).

    Args:
        features: float (n, f).
        y: float (n,), the metric in its own unit.
        kind: as for :func:`fit_predictor`.
        sizes: k numbers of training rows, none above ``n - test_rows``.
        test_rows: rows that judge every fit, drawn once.
        trials: times that training rows are drawn; a larger size of a trial adds to a smaller.
        seed: of all draws.
        on_fit: told how many fits are done.

    Returns:
        Kendall's tau and MAPE in percent, float (trials, k, 2).
    """
    order = np.random.default_rng(seed).permutation(len(y))
    test, pool = order[:test_rows], order[test_rows:]
    found = np.empty((trials, len(sizes), 2))
    for trial in range(trials):
        drawn = np.random.default_rng([seed, trial]).permutation(pool)
        for column, size in enumerate(sizes):
            fitted = fit_predictor(features[drawn[:size]], y[drawn[:size]], kind)
            found[trial, column] = fitted.score(features[test], y[test])
            on_fit(trial * len(sizes) + column + 1)
    return found

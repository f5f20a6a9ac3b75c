"""Fit a predictor: by kind, or the kind that cross-validation likes best."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from latbase.errors import PredictorError
from latbase.searcher.knowledge import Source
from latbase.searcher.naming import resolve
from latbase.searcher.predictors import transfer
from latbase.searcher.predictors.base import (
    Features,
    Model,
    Predictor,
    Scaling,
    Values,
    convinces,
    score,
)
from latbase.searcher.predictors.gaussian_process import thinned
from latbase.searcher.threads import one_thread

KINDS = {
    "ridge": "latbase.searcher.predictors.ridge:fit",
    "robust": "latbase.searcher.predictors.ridge:fit_robust",
    "svr": "latbase.searcher.predictors.support_vectors:fit",
    "gp": "latbase.searcher.predictors.warped:fit",
    "boosting": "latbase.searcher.predictors.learners:fit_boosting",
    "mlp": "latbase.searcher.predictors.learners:fit_perceptron",
    "table": "latbase.searcher.predictors.lookup_table:fit",
}
"""Import paths of the fitting functions by kind."""

COMPARED = ("gp", "svr", "robust", "table")
"""Kinds that ``auto`` compares; boosting and perceptrons took seconds and never won."""

LEAST_ROWS = 3
"""Fewer rows than this say nothing about an error."""

FOLDS = 5
"""Parts of a cross-validation."""

COMPARED_ROWS = 400
"""Rows on which kinds are compared; more take longer and change no choice."""

MARGIN = 0.03
"""Share of the candidates at either end that probes leave out."""

YIELDING = 1.0
"""Standard errors by which a kind without sources must do better than transfer to replace it.

With 1.5, ten rows sometimes kept sources that know nothing of the device; with one, luck sometimes
drops good ones, of which the next rows convince.
"""

TILT = 0.8
"""Quantile of what sources dispute at which probes lie; its opposite by turns."""

AUTO = "auto"

TRANSFER = "transfer"

Fit = Callable[[Features, Values], Model]


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
        sources: predictors of the same metric on other configurations and the same features. They
            are used where cross-validation says they help.

    Raises:
        PredictorError: fewer than three rows, shapes that disagree, values that are not finite or
            features that do not vary.
        UnknownNameError: there is no such kind.
    """
    features, y = _checked(features, y)
    fits = {name: _fitting(name) for name in (COMPARED if kind == AUTO else (kind,))}
    if sources:
        fits[TRANSFER] = lambda x, values: transfer.fit(x, values, sources)
    with one_thread():
        return _best(fits, features, y)


def choose_probes(
    features: Features, n: int, sources: Sequence[Source] = ()
) -> npt.NDArray[np.intp]:
    """Choose which candidates to measure first on a new configuration: evenly by expected size.

    Even steps from small to large, and by turns those that one and the other kind of source thinks
    slow, determine how sources combine. The smallest and the largest are left out: there sources
    are least to be trusted.

    Args:
        features: float (k, f), the candidates.
        n: how many to choose.
        sources: predictors of other configurations; without any, quantities among the features
            (costs, counts) say the size.

    Returns:
        Positions of the chosen candidates, int (min(n, k),), from small to large.
    """
    views = transfer.basis(sources, features) if sources else features
    quantity = ~((views == 0) | (views == 1)).all(axis=0)
    scaled = _varying(views[:, quantity]) if quantity.any() else _varying(views)
    size = scaled.mean(axis=1)
    order, n = np.argsort(size, kind="stable"), min(n, len(features))
    edge = round(MARGIN * len(order))
    inner = order[edge : len(order) - edge] if len(order) - 2 * edge >= n else order
    if len(sources) > 1 and n > 1:
        return _apart(inner, _dispute(scaled, size), n)
    return inner[np.linspace(0, len(inner) - 1, n).astype(np.intp)]


def _varying(views: Features) -> Features:
    """Return the columns that vary, standardised; one of zeros where none does."""
    scaled = Scaling.of(views).apply(views)
    return scaled if scaled.shape[1] else np.zeros((len(views), 1))


def _dispute(scaled: Features, size: Values) -> Values:
    """Return what most divides sources beyond the size, float (k,): a principal component.

    A source that grows faster or slower with the size than others disputes nothing.
    """
    known = np.column_stack([np.ones_like(size), size, size**2])
    rest = scaled - known @ np.linalg.lstsq(known, scaled, rcond=None)[0]
    component = np.linalg.svd(rest, full_matrices=False)[0][:, 0]
    return np.asarray(component * np.sign(component[np.abs(component).argmax()]))


def _apart(order: npt.NDArray[np.intp], dispute: Values, n: int) -> npt.NDArray[np.intp]:
    """Take one of each step of ``order``, by turns low and high in ``dispute``, int (n,)."""
    chosen = []
    for step, rows in enumerate(np.array_split(order, n)):
        share = TILT if step % 2 else 1.0 - TILT
        ranked = rows[np.argsort(dispute[rows], kind="stable")]
        chosen.append(ranked[round(share * (len(rows) - 1))])
    return np.array(chosen, dtype=np.intp)


def fit_kind(kind: str, features: Features, y: Values) -> Model:
    """Fit one kind on checked rows."""
    return _fitting(kind)(features, y)


def _fitting(kind: str) -> Fit:
    return cast("Fit", resolve("predictor", kind, KINDS))


def _best(fits: Mapping[str, Fit], features: Features, y: Values) -> Predictor:
    """Fit on all rows the kind with the least cross-validated absolute error.

    Transfer gives way only to a kind that is better by a margin: it rests on many more rows.
    """
    rows = thinned(len(y), COMPARED_ROWS)
    errors, scores = {}, {}
    for kind, fit in fits.items() if len(fits) > 1 else ():
        held_out = cross_validated(fit, features[rows], y[rows])
        errors[kind] = held_out - y[rows]
        scores[kind] = score(held_out, y[rows])
    own = [kind for kind in fits if kind != TRANSFER]
    chosen = min(own, key=lambda kind: _mean_size(errors.get(kind, np.zeros(1))))
    if TRANSFER in fits and not convinces(errors[chosen], errors[TRANSFER], YIELDING):
        chosen = TRANSFER
    return Predictor(
        kind=chosen,
        model=fits[chosen](features, y),
        width=features.shape[1],
        n_train=len(y),
        scores=tuple(scores.items()),
    )


def _mean_size(errors: Values) -> float:
    """Return the mean absolute error; infinite if one is not a number."""
    return float(np.nan_to_num(np.abs(errors).mean(), nan=np.inf))


def cross_validated(fit: Fit, features: Features, y: Values) -> Values:
    """Return predictions of every row by a model that did not see its fold, float (n,)."""
    fold = np.random.default_rng(0).permutation(len(y)) % min(FOLDS, len(y))
    predicted = np.empty(len(y))
    for number in range(fold.max() + 1):
        held_out = fold == number
        predicted[held_out] = fit(features[~held_out], y[~held_out]).mean(features[held_out])
    return predicted


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
    if (features == features[0]).all():
        raise PredictorError(f"All {len(y)} rows have the same features; measure others too.")
    return features, y

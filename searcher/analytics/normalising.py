"""Results that must not reveal absolute numbers: measured values as shares of a range (eq. 2)."""

from dataclasses import replace

import numpy as np

from latbase.searcher.evaluation import METRICS
from latbase.searcher.knowledge import Values
from latbase.searcher.results import Results


def scale(values: Values, among: Values) -> Values:
    """Place ``values`` in the range of ``among``: 0 its least, 1 its most; NaN stays NaN."""
    least, extent = np.nanmin(among), np.ptp(among[~np.isnan(among)])
    return (values - least) / (extent or 1.0)


def normalised(search: Results, among: Values | None = None) -> Results:
    """Return ``search`` with every measured column, and its bounds, scaled to the column's range.

    ``latency_ms`` becomes ``latency_normalised``: 0 the fastest sub-network evaluated, 1 the
    slowest. Fronts and hypervolume shares stay what they were.

    Args:
        search: what is scaled.
        among: float (k, m), what spans the ranges; without it, the values of ``search``.
    """
    values, objectives = search.values.copy(), list(search.objectives)
    spanning = search.values if among is None else among
    for column, objective in enumerate(search.objectives):
        span = spanning[:, column]
        if objective.name not in METRICS or np.isnan(span).all():
            continue
        values[:, column] = scale(search.values[:, column], span)
        objectives[column] = replace(
            objective,
            name=normalised_name(objective.name),
            at_most=_bound(objective.at_most, span),
            at_least=_bound(objective.at_least, span),
        )
    return replace(search, values=values, objectives=tuple(objectives))


def normalised_name(metric: str) -> str:
    """Return what a metric is called once its unit is gone."""
    return f"{metric.split('_', maxsplit=1)[0]}_normalised"


def _bound(bound: float | None, among: Values) -> float | None:
    return None if bound is None else float(scale(np.array([bound]), among)[0])

"""Results that must not reveal absolute numbers: measured values as shares of a range (eq. 2)."""

from dataclasses import replace

import numpy as np

from latbase.searcher.evaluation import METRICS
from latbase.searcher.knowledge import Values
from latbase.searcher.results import Results


def shares(values: Values) -> Values:
    """Return ``values``, float (n,), as (value - least) / (most - least); NaN stays NaN."""
    return scale(values, values)


def scale(values: Values, among: Values) -> Values:
    """Place ``values`` in the range of ``among``: 0 its least, 1 its most."""
    least, extent = np.nanmin(among), np.ptp(among[~np.isnan(among)])
    return (values - least) / (extent or 1.0)


def normalised(search: Results) -> Results:
    """Return ``search`` with every measured column, and its bounds, scaled to the column's range.

    ``latency_ms`` becomes ``latency_normalised``: 0 the fastest sub-network evaluated, 1 the
    slowest. Fronts and hypervolume shares stay what they were.
    """
    values, objectives = search.values.copy(), list(search.objectives)
    for column, objective in enumerate(search.objectives):
        raw = search.values[:, column]
        if objective.name not in METRICS or np.isnan(raw).all():
            continue
        values[:, column] = shares(raw)
        objectives[column] = replace(
            objective,
            name=f"{objective.name.split('_')[0]}_normalised",
            at_most=_bound(objective.at_most, raw),
            at_least=_bound(objective.at_least, raw),
        )
    return replace(search, values=values, objectives=tuple(objectives))


def _bound(bound: float | None, among: Values) -> float | None:
    return None if bound is None else float(scale(np.array([bound]), among)[0])

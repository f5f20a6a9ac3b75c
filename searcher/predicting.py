"""Objectives that a search predicts from what the store had of them, instead of measuring them."""

import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from latbase.errors import InvalidInputError, PredictorError, UnknownNameError
from latbase.searcher.catalogue import LEAST_ROWS
from latbase.searcher.evaluation import METRICS
from latbase.searcher.knowledge import Genotypes, Known, Values
from latbase.searcher.predictors.base import Predictor
from latbase.searcher.predictors.fitting import fit_predictor
from latbase.searcher.predictors.gaussian_process import thinned

if TYPE_CHECKING:
    from latbase.supernets import Supernet

MOST_ROWS = 1000
"""Rows a predictor is fitted on; more take minutes and lower the error by tenths of a percent."""


def refuse_unpredictable(
    wanted: Collection[str], objectives: Collection[str], appraised: Collection[str]
) -> None:
    """Check that predicting the ``wanted`` objectives makes sense.

    Raises:
        UnknownNameError: one is no objective of the search.
        InvalidInputError: one is neither measured nor appraised, so it costs nothing anyway.
    """
    for name in wanted:
        if name not in objectives:
            raise UnknownNameError(
                f"{name!r} is no objective of this search, so it cannot be predicted; "
                f"the objectives are {', '.join(objectives)}."
            )
        if name not in {*METRICS, *appraised}:
            raise InvalidInputError(
                f"{name!r} is neither measured nor validated here, so predicting it saves nothing: "
                "leave it out of what is to be predicted."
            )


def fit(
    network: "Supernet", objective: str, known: Known, configuration_id: str | None, kind: str
) -> Predictor:
    """Fit a predictor of ``objective``.

    Args:
        network: whose sub-networks.
        objective: its name.
        known: its values, from before the search.
        configuration_id: where they were measured; None if no hardware decides them.
        kind: as for :func:`fit_predictor`.

    Raises:
        PredictorError: there are too few values.
    """
    found = len(known.values)
    if found < LEAST_ROWS and configuration_id is None:
        raise PredictorError(
            f"The store has {objective} of {found} sub-networks under these conditions; predicting "
            f"it takes at least {LEAST_ROWS}: a search that validates it adds some."
        )
    if found < LEAST_ROWS:
        raise PredictorError(
            f"The store has {objective} of {found} sub-networks on configuration "
            f"{configuration_id}; predicting it takes at least {LEAST_ROWS}: measure some with "
            f"latbase profile on its host, or latbase enqueue --config {configuration_id}."
        )
    rows = thinned(found, MOST_ROWS)
    return fit_predictor(network.space.features(known.genotypes[rows]), known.values[rows], kind)


def facts(fitted: Predictor) -> dict[str, str | float]:
    """Return kind, rows and held-out scores of a predictor that was chosen by comparing."""
    held_out = dict(fitted.scores)[fitted.kind]
    scores = {"kendall_tau": held_out.tau, "mape_percent": held_out.mape_percent}
    finite = {name: value for name, value in scores.items() if math.isfinite(value)}
    return {"kind": fitted.kind, "n_train": fitted.n_train, **finite}


def summary(objective: str, facts: Mapping[str, str | float]) -> str:
    """Say in words how an objective is predicted, given its :func:`facts`."""
    tau, error = facts.get("kendall_tau", math.nan), facts.get("mape_percent", math.nan)
    return (
        f"{objective} is predicted, by {facts['kind']} on {facts['n_train']} sub-networks; "
        f"held out: Kendall tau {tau:.2f}, error {error:.1f} %"
    )


def function(network: "Supernet", fitted: Predictor) -> Callable[[Genotypes], Values]:
    """Return what gives the predictions, float (n,), for genotypes, int8 (n, p)."""
    return partial(_predict, network, fitted)


def _predict(network: "Supernet", fitted: Predictor, genotypes: Genotypes) -> Values:
    return fitted.model.mean(network.space.features(genotypes))

"""The search inside a search: an evolutionary algorithm on predicted objectives."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from latbase.searcher.algorithms import Algorithm, Setting, make_algorithm
from latbase.searcher.evolution import FastNSGA2, survivors
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Minimised
from latbase.searcher.predictors.base import Model
from latbase.searcher.predictors.fitting import fit_predictor
from latbase.searcher.problem import History, Problem

BLOCK = 512
"""Rows ranked against each other at once when many are thinned out."""

LONE = 0.25
"""Share of a generation that counts for one sub-network of those who ask for one at a time.

A generation's worth would take MOEA/D, which asks so, minutes; one teaches it nothing.
"""


class Predicted:
    """Objective vectors of sub-networks that were not evaluated.

    Args:
        problem: objectives and exact functions.
        models: by objective name, for every objective without an exact function.
        features: turns genotypes into what the models take.
    """

    def __init__(
        self,
        problem: Problem,
        models: Mapping[str, Model],
        features: Callable[[Genotypes], Values],
    ) -> None:
        self._problem = problem
        self._models = models
        self._features = features

    def __call__(self, genotypes: Genotypes) -> Minimised:
        """Return the predicted outcome of int8 (n, p)."""
        features = self._features(genotypes)
        exact = self._problem.knowledge.exact
        columns = [
            exact[objective.name](genotypes)
            if objective.name in exact
            else self._models[objective.name].mean(features)
            for objective in self._problem.objectives
        ]
        return self._problem.minimised(np.column_stack(columns))


def fitted(problem: Problem, history: History, kind: str) -> Predicted:
    """Fit one model of ``kind`` per objective on the evaluations that succeeded.

    Raises:
        PredictorError: fewer than three evaluations succeeded.
        UnknownNameError: there is no such kind.
    """
    rows = history.complete
    features = problem.space.features(history.genotypes[rows])
    models = {
        objective.name: fit_predictor(features, history.values[rows, column], kind).model
        for column, objective in enumerate(problem.objectives)
        if objective.name not in problem.knowledge.exact
    }
    return Predicted(problem, models, problem.space.features)


def inner_search(
    predicted: Predicted, algorithm: str, setting: Setting, generations: int
) -> tuple[Genotypes, Minimised]:
    """Run ``algorithm`` on predictions and return everything it visited, with the predictions."""
    method = _inner_algorithm(algorithm, setting)
    visited = [setting.initial[:0]]
    outcomes = [setting.problem.minimised(np.empty((0, len(setting.problem.objectives))))]
    generation = 0.0
    while generation < generations:
        genotypes = method.ask()
        if not len(genotypes):
            break
        outcome = predicted(genotypes)
        method.tell(genotypes, outcome)
        visited.append(genotypes)
        outcomes.append(outcome)
        lone = len(genotypes) == 1 and not isinstance(method, FastNSGA2)
        generation += LONE if lone else 1.0
    return np.vstack(visited), Minimised.stacked(outcomes)


def best_unseen(
    genotypes: Genotypes, outcome: Minimised, history: History, size: int
) -> npt.NDArray[np.intp]:
    """Return the positions of the ``size`` best distinct genotypes never evaluated, best first."""
    rows = history.unseen(genotypes)
    block = max(BLOCK, 2 * size)
    while len(rows) > block:
        parts = np.array_split(rows, -(-len(rows) // block))
        rows = np.concatenate([part[survivors(outcome.rows(part), size)] for part in parts])
    return rows[survivors(outcome.rows(rows), size)]


def _inner_algorithm(name: str, setting: Setting) -> Algorithm:
    """Take our own NSGA-II for pymoo's: the same algorithm, a tenth of the time."""
    return FastNSGA2(setting) if name == "nsga2" else make_algorithm(name, setting)

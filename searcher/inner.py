"""The search inside a search: an evolutionary algorithm on predicted objectives."""

import numpy as np

from latbase.searcher.algorithms import Algorithm, Setting, make_algorithm
from latbase.searcher.evolution import FastNSGA2, survivors
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Minimised
from latbase.searcher.predictors.fitting import fit_predictor
from latbase.searcher.problem import History, Problem

BLOCK = 512
"""Rows ranked against each other at once when many are thinned out."""


class Predicted:
    """Objective vectors of sub-networks that were not evaluated."""

    def __init__(self, problem: Problem, history: History, kind: str) -> None:
        self._problem = problem
        rows = history.complete
        features = problem.space.features(history.genotypes[rows])
        self._predictors = {
            objective.name: fit_predictor(features, history.values[rows, column], kind)
            for column, objective in enumerate(problem.objectives)
            if objective.name not in problem.knowledge.exact
        }

    def values(self, genotypes: Genotypes) -> Values:
        """Return float (n, m) for int8 (n, p), in the objectives' own units and senses."""
        features = self._problem.space.features(genotypes)
        exact = self._problem.knowledge.exact
        columns = [
            exact[name](genotypes) if name in exact else self._predictors[name].predict(features)[0]
            for name in (objective.name for objective in self._problem.objectives)
        ]
        return np.column_stack(columns)

    def __call__(self, genotypes: Genotypes) -> Minimised:
        """Return the predicted outcome of int8 (n, p)."""
        return self._problem.minimised(self.values(genotypes))


def inner_search(
    predicted: Predicted, algorithm: str, setting: Setting, generations: int
) -> tuple[Genotypes, Minimised]:
    """Run ``algorithm`` on predictions and return everything it visited, with the predictions."""
    method = _inner_algorithm(algorithm, setting)
    visited, outcomes = [], []
    for _ in range(generations):
        genotypes = method.ask()
        outcome = predicted(genotypes)
        method.tell(genotypes, outcome)
        visited.append(genotypes)
        outcomes.append(outcome)
    return np.vstack(visited), Minimised(
        points=np.vstack([outcome.points for outcome in outcomes]),
        violation=np.concatenate([outcome.violation for outcome in outcomes]),
    )


def best_unseen(genotypes: Genotypes, outcome: Minimised, history: History, size: int) -> Genotypes:
    """Return the ``size`` best distinct genotypes that were never evaluated, best first."""
    unique = np.sort(np.unique(genotypes, axis=0, return_index=True)[1])
    rows = unique[~history.contains(genotypes[unique])]
    while len(rows) > max(BLOCK, 2 * size):
        blocks = np.array_split(rows, -(-len(rows) // max(BLOCK, 2 * size)))
        rows = np.concatenate([block[survivors(outcome.rows(block), size)] for block in blocks])
    return genotypes[rows[survivors(outcome.rows(rows), size)]]


def _inner_algorithm(name: str, setting: Setting) -> Algorithm:
    """Take our own NSGA-II for pymoo's: the same algorithm, a tenth of the time."""
    return FastNSGA2(setting) if name == "nsga2" else make_algorithm(name, setting)

"""WeakNAS (Wu et al., NeurIPS 2021): weak predictors zoom into a fixed random pool.

As its authors' code has it, with two objectives ranked by dominance: 10,000 random sub-networks,
boosted trees on raw parameter values, 100 evaluations at random, then 100 drawn from the predicted
best 1,000 in every round. Their window of costs is left out: the whole front is sought.
"""

import numpy as np

from latbase.searcher.evolution import survivors
from latbase.searcher.inner import Predicted
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.predictors.fitting import LEAST_ROWS, fit_predictor
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

POOL = 10_000
"""Sub-networks it ever considers."""

BEST = 1_000
"""Predicted best ones from which a round draws."""

ROUND = 100
"""Evaluations per round."""

PREDICTOR = "boosting"


class WeakNAS:
    """Draw from the predicted best of a fixed pool, round after round."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._kind = options.predictor or PREDICTOR
        self._round = options.population or ROUND
        self._draws = problem.generator("weaknas")
        self._pool = problem.space.sample(POOL, int(self._draws.integers(2**31)))

    def ask(self, history: History) -> Genotypes:
        """Return a draw from the pool, from its predicted best once there is data.

        Nothing is left of the pool after as many evaluations.
        """
        left = history.fresh(self._pool)
        if len(left) and history.complete.sum() >= LEAST_ROWS:
            left = left[survivors(self._predicted(history)(left), BEST)]
        chosen = self._draws.permutation(len(left))[: self._round]
        return left[np.sort(chosen)]

    def _predicted(self, history: History) -> Predicted:
        rows = history.complete
        raw = _raw(history.genotypes[rows])
        models = {
            objective.name: fit_predictor(raw, history.values[rows, column], self._kind).model
            for column, objective in enumerate(self._problem.objectives)
        }
        return Predicted(self._problem, models, _raw)


def _raw(genotypes: Genotypes) -> Values:
    return genotypes.astype(np.float64)

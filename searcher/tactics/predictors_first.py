"""Full search on predictors trained beforehand, its front then evaluated (§4.3 of the paper)."""

from latbase.searcher.algorithms import POPULATION, Setting
from latbase.searcher.inner import best_unseen, fitted, inner_search
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.predictors.fitting import AUTO, LEAST_ROWS
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

GENERATIONS = 500
"""Generations of the one long search."""


class PredictorsFirst:
    """Evaluate random sub-networks, fit predictors once, search long, evaluate what that found.

    The predictors stay as they are: later evaluations validate, they do not teach.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._options = options
        self._population = options.population or POPULATION
        self._draws = problem.generator("predictors first")
        self._found: Genotypes | None = None

    def ask(self, history: History) -> Genotypes:
        """Return training sub-networks, then the predicted front, best ranks first."""
        missing = self._options.training - len(history)
        if missing > 0 or history.complete.sum() < LEAST_ROWS:
            size = min(max(missing, LEAST_ROWS), self._population)
            return self._problem.space.sample(size, int(self._draws.integers(2**31)))
        if self._found is None:
            self._found = self._search(history)
        self._found = history.fresh(self._found)
        return self._found[: self._population]

    def _search(self, history: History) -> Genotypes:
        setting = Setting(
            problem=self._problem,
            population=self._population,
            initial=self._problem.first_population(self._population, self._draws),
            history=None,
            seed=int(self._draws.integers(2**31)),
        )
        predicted = fitted(self._problem, history, self._options.predictor or AUTO)
        genotypes, outcome = inner_search(predicted, self._options.algorithm, setting, GENERATIONS)
        return genotypes[best_unseen(genotypes, outcome, history, len(genotypes))]

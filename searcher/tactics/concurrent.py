"""ConcurrentNAS: predictors and search refine each other (§4.5, Algorithm 1 of the paper)."""

from latbase.searcher.algorithms import POPULATION, Setting
from latbase.searcher.evolution import survivors
from latbase.searcher.inner import best_unseen, fitted, inner_search
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.predictors.fitting import LEAST_ROWS
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

GENERATIONS = 200
"""Generations of the inner search; the paper runs "a high number (e.g. > 200)"."""

PREDICTOR = "ridge"
"""The paper's choice for few samples (§5.4)."""


class Concurrent:
    """Evaluate a population, fit predictors on all data, let a search on them give the next one."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._algorithm = options.algorithm
        self._kind = options.predictor or PREDICTOR
        self._population = options.population or POPULATION
        self._draws = problem.generator("concurrent")

    def ask(self, history: History) -> Genotypes:
        """Return the best unique sub-networks of a search on the predictors."""
        if history.complete.sum() < LEAST_ROWS:
            return self._problem.first_population(self._population, self._draws)
        best = survivors(self._problem.minimised(history.values), self._population)
        setting = Setting(
            problem=self._problem,
            population=self._population,
            initial=history.genotypes[best],
            history=None,
            seed=int(self._draws.integers(2**31)),
        )
        predicted = fitted(self._problem, history, self._kind)
        genotypes, outcome = inner_search(predicted, self._algorithm, setting, GENERATIONS)
        return genotypes[best_unseen(genotypes, outcome, history, self._population)]

"""Full search: an evolutionary algorithm on evaluations only; warm start (§4.3, §4.4)."""

import numpy as np

from latbase.errors import SearchError
from latbase.searcher.algorithms import POPULATION, Algorithm, Setting, make_algorithm
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options


class Full:
    """Every candidate of the algorithm is evaluated."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._options = options
        self._population = options.population or POPULATION
        self._algorithm: Algorithm | None = None
        self._told = 0

    def ask(self, history: History) -> Genotypes:
        """Tell the algorithm what is new, and return its next generation."""
        if self._algorithm is None:
            self._algorithm = make_algorithm(self._options.algorithm, self._setting(history))
        new = np.flatnonzero(history.complete[self._told :]) + self._told
        self._told = len(history)
        self._algorithm.tell(history.genotypes[new], self._problem.minimised(history.values[new]))
        return self._algorithm.ask()

    def _setting(self, history: History) -> Setting:
        draws = self._problem.generator("full")
        return Setting(
            problem=self._problem,
            population=self._population,
            initial=self._problem.first_population(self._population, draws),
            history=history,
            seed=int(draws.integers(2**31)),
        )


def warm_start(problem: Problem, options: Options) -> Full:
    """Full search whose first generation is the front of earlier searches.

    Raises:
        SearchError: no front of an earlier search is known.
    """
    if not any(len(front) for front in problem.knowledge.fronts):
        raise SearchError(
            "Warm start needs the front of an earlier search of the same objectives: choose one "
            "with --warm-start (in Python: Knowledge.fronts), or another tactic."
        )
    return Full(problem, options)

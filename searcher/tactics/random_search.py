"""Random search: the baseline every other tactic has to beat."""

from latbase.searcher.knowledge import Genotypes
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

POPULATION = 50


class RandomSearch:
    """Draw sub-networks uniformly."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._space = problem.space
        self._population = options.population or POPULATION
        self._draws = problem.generator("random search")

    def ask(self, history: History) -> Genotypes:
        """Return a fresh draw."""
        del history
        return self._space.sample(self._population, int(self._draws.integers(2**31)))

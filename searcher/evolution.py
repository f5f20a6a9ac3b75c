"""NSGA-II on arrays, for searches inside a search, where candidates cost microseconds.

The same algorithm as pymoo's (Deb et al., 2002) with uniform crossover, a mutation that draws
another value, and parents that are neighbours on the front: children of a small and a large
sub-network are seldom good, and with neighbours half the evaluations reach the same hypervolume.
A generation is a handful of array operations, so predicting stays the main cost.
"""

import numpy as np
import numpy.typing as npt

from latbase.searcher import pareto
from latbase.searcher.algorithms import CROSSOVER, Setting
from latbase.searcher.coding import Codes, Coding
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.objectives import Minimised

REACH = 0.1
"""How far apart parents may be in the order of the first objective, in populations."""


class FastNSGA2:
    """NSGA-II whose population, operators and survival are array operations."""

    def __init__(self, setting: Setting) -> None:
        self._coding = Coding(setting.problem.space)
        self._size = setting.population
        self._rng = np.random.default_rng(setting.seed)
        self._offspring = setting.initial
        self._population: Genotypes = setting.initial[:0]
        self._outcome = setting.problem.minimised(np.empty((0, len(setting.problem.objectives))))
        self._hashing = self._rng.integers(1, 2**63, setting.problem.space.p, dtype=np.uint64)

    def ask(self) -> Genotypes:
        """Return the first population, then the children of the present one."""
        if not len(self._population):
            return self._offspring
        codes = self._coding.encode(self._population)
        children = self._coding.decode(self._mutated(self._crossed(codes)))
        return children[self._novel(children)]

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Let parents and children compete for the places of the next generation."""
        if len(self._population):
            genotypes = np.vstack([self._population, genotypes])
            outcome = Minimised.stacked([self._outcome, outcome])
        kept = survivors(outcome, self._size)
        self._population, self._outcome = genotypes[kept], outcome.rows(kept)

    @property
    def population(self) -> tuple[Genotypes, Minimised]:
        """The present generation, best first: int8 (n, p) and its outcome."""
        return self._population, self._outcome

    def _crossed(self, codes: Codes) -> Codes:
        """Pick mothers by tournament, fathers near them on the front, and mix gene by gene."""
        # Survivors are sorted, so the lower position wins the tournament.
        mothers = self._rng.integers(len(codes), size=(2, self._size)).min(axis=0)
        order = np.argsort(self._outcome.points[:, 0], kind="stable")
        place = np.argsort(order)[mothers]
        reach = max(1, int(REACH * len(codes)))
        step = self._rng.integers(-reach, reach + 1, size=self._size)
        fathers = order[np.clip(place + step, 0, len(codes) - 1)]
        mixed = self._rng.random((self._size, 1)) < CROSSOVER
        swap = mixed & self._rng.integers(2, size=(self._size, codes.shape[1]), dtype=np.bool_)
        return np.asarray(np.where(swap, codes[fathers], codes[mothers]))

    def _mutated(self, codes: Codes) -> Codes:
        """Give each gene the chance 1/p of another value."""
        sizes = self._coding.sizes
        hit = self._rng.random(codes.shape) < 1.0 / codes.shape[1]
        step = 1 + (self._rng.random(codes.shape) * np.maximum(sizes - 1, 1)).astype(np.int64)
        moved = ((codes + step) % sizes).astype(np.int8)
        return np.where(hit, moved, codes)

    def _novel(self, children: Genotypes) -> npt.NDArray[np.intp]:
        """Return the rows that repeat neither each other nor the population.

        Rows are compared by a random 64-bit hash: a clash loses one candidate in 10^15.
        """
        rows = np.vstack([self._population, children]).astype(np.uint64)
        first = np.unique(rows @ self._hashing, return_index=True)[1]
        return np.sort(first[first >= len(self._population)]) - len(self._population)


def survivors(outcome: Minimised, size: int) -> npt.NDArray[np.intp]:
    """Return the ``size`` best complete rows, best first: by rank, then the least crowded."""
    ranks = outcome.ranks()
    distance = np.zeros(len(ranks))
    complete = pareto.complete(outcome.points)
    distance[complete] = pareto.crowding(outcome.points[complete], ranks[complete])
    order = np.lexsort((-distance, ranks))
    return order[complete[order]][:size]

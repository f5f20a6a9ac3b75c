"""MO-CMA-ES (Igel, Hansen and Roth, 2007) on relaxed codes.

Every individual carries its own step size and covariance; a child that survives lengthens the step
and bends the covariance towards the move that made it. Codes are rounded to be evaluated.
"""

from dataclasses import dataclass

import numpy as np

from latbase.searcher.algorithms import Setting
from latbase.searcher.coding import Coding
from latbase.searcher.evolution import survivors
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Minimised

TARGET_SUCCESS = 1.0 / 5.5
"""Share of surviving children at which the step size stays."""

MEMORY = 1.0 / 12.0
"""Weight of the newest child in the success rate."""

FIRST_STEP = 0.3
"""First step size, in ranges of a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Individual:
    """A point with its own search distribution.

    Attributes:
        x: float (p,), between 0 and 1.
        step: step size.
        success: smoothed share of surviving children.
        covariance: float (p, p).
    """

    x: Values
    step: float
    success: float
    covariance: Values

    def child(self, draws: np.random.Generator) -> "Individual":
        """Return a mutant with the same distribution."""
        factor = np.linalg.cholesky(self.covariance)
        move = factor @ draws.standard_normal(len(self.x))
        return self._with(x=np.clip(self.x + self.step * move, 0.0, 1.0))

    def learned(self, survived: bool, move: Values | None = None) -> "Individual":
        """Adapt step size and, along the ``move`` of a surviving child, covariance."""
        success = (1.0 - MEMORY) * self.success + MEMORY * survived
        damping = 1.0 + len(self.x) / 2.0
        change = (success - TARGET_SUCCESS) / (damping * (1.0 - TARGET_SUCCESS))
        covariance = self.covariance
        if move is not None:
            rate = 2.0 / (len(self.x) ** 2 + 6.0)
            covariance = (1.0 - rate) * covariance + rate * np.outer(move, move)
        step = min(self.step * float(np.exp(change)), 1.0)
        return Individual(x=self.x, step=step, success=success, covariance=covariance)

    def _with(self, x: Values) -> "Individual":
        return Individual(x=x, step=self.step, success=self.success, covariance=self.covariance)


class MOCMAES:
    """One child per individual and generation; parents and children compete."""

    def __init__(self, setting: Setting) -> None:
        self._coding = Coding(setting.problem.space)
        self._ranges = np.maximum(self._coding.sizes - 1, 1)
        self._draws = np.random.default_rng(setting.seed)
        self._size = setting.population
        self._first = setting.initial
        self._parents: list[Individual] = []
        self._children: dict[bytes, tuple[int | None, Individual]] = {}
        self._outcome = setting.problem.minimised(np.empty((0, len(setting.problem.objectives))))

    def ask(self) -> Genotypes:
        """Return the rounded children of all parents, or the first population."""
        if not self._parents:
            return self._first
        asked = []
        self._children = {}
        for number, parent in enumerate(self._parents):
            child = parent.child(self._draws)
            codes = np.rint(child.x * self._ranges).astype(np.int8)
            asked.append(self._coding.decode(codes[None])[0])
            self._children[asked[-1].tobytes()] = (number, child)
        return np.array(asked)

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Keep the best of parents and children, and let both learn from who survived."""
        if not len(genotypes):
            return
        told = [self._child(genotype) for genotype in genotypes]
        everyone = Minimised.stacked([self._outcome, outcome])
        kept = survivors(everyone, self._size)
        alive = set(kept.tolist())
        parents = list(self._parents)
        children: list[Individual] = []
        for row, (number, child) in enumerate(told):
            survived = len(self._parents) + row in alive
            if number is None:
                children.append(child)
                continue
            parent = self._parents[number]
            move = (child.x - parent.x) / parent.step
            parents[number] = parent.learned(survived)
            children.append(child.learned(survived, move) if survived else child)
        pool = [*parents, *children]
        self._parents = [pool[row] for row in kept]
        self._outcome = everyone.rows(kept)

    def _child(self, genotype: Genotypes) -> tuple[int | None, Individual]:
        """Return parent's number and child of a genotype; a stranger starts afresh."""
        known = self._children.get(genotype.tobytes())
        if known is not None:
            return known
        x = self._coding.encode(genotype[None])[0] / self._ranges
        p = len(x)
        return None, Individual(x=x, step=FIRST_STEP, success=TARGET_SUCCESS, covariance=np.eye(p))

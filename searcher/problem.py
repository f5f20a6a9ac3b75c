"""The two things every tactic works on: the problem, which stays, and the history, which grows."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from latbase.searcher import pareto
from latbase.searcher.knowledge import Genotypes, Knowledge, Values
from latbase.searcher.objectives import Minimised, Objective, minimised

if TYPE_CHECKING:
    from latbase.supernets import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is searched, for what, and what was known before.

    Attributes:
        space: the sub-networks to choose from.
        objectives: one per column of the values, at least one of them optimised.
        knowledge: what other configurations have taught.
        seed: every random choice follows from it.
    """

    space: "SearchSpace"
    objectives: tuple[Objective, ...]
    knowledge: Knowledge = field(default_factory=Knowledge)
    seed: int = 0

    @property
    def constrained(self) -> bool:
        """Whether any column has a bound."""
        return any(o.at_most is not None or o.at_least is not None for o in self.objectives)

    @property
    def width(self) -> int:
        """Number of optimised columns."""
        return sum(objective.optimize for objective in self.objectives)

    def generator(self, purpose: str) -> np.random.Generator:
        """Return the random stream of ``purpose``, independent of every other stream."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def first_population(self, size: int, draws: np.random.Generator) -> Genotypes:
        """Return sub-networks to begin with: known fronts in their order, then random ones.

        The front that no longer fits is thinned evenly. They are canonical and distinct,
        int8 (n, p); n is less than ``size`` in a small space.
        """
        distinct = History(self.space.p, 0).fresh
        first = np.empty((0, self.space.p), dtype=np.int8)
        for front in self.knowledge.fronts:
            if not len(front):
                continue
            added = distinct(np.vstack([first, self.space.canonical(front)]))[len(first) :]
            places = min(len(added), size - len(first))
            first = np.vstack(
                [first, added[np.linspace(0, len(added) - 1, places).round().astype(int)]]
            )
        drawn = self.space.sample(size, int(draws.integers(2**31)))
        return distinct(np.vstack([first, drawn]))[:size]

    def minimised(self, values: Values) -> Minimised:
        """Convert values, float (n, m) in the objectives' own units and senses."""
        return minimised(self.objectives, values)


class History:
    """Evaluations in the order they were asked, and which sub-networks they were.

    Attributes:
        genotypes: int8 (n, p), canonical.
        values: float (n, m), in the objectives' own units and senses; NaN rows failed.
    """

    def __init__(self, parameters: int, columns: int) -> None:
        self.genotypes: Genotypes = np.empty((0, parameters), dtype=np.int8)
        self.values: Values = np.empty((0, columns))
        self._keys: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.genotypes)

    def append(self, genotypes: Genotypes, values: Values) -> None:
        """Add evaluations of canonical genotypes."""
        self.genotypes = np.vstack([self.genotypes, genotypes])
        self.values = np.vstack([self.values, values])
        self._keys.update(keys(genotypes))

    def contains(self, genotypes: Genotypes) -> npt.NDArray[np.bool_]:
        """Return which canonical genotypes were evaluated, bool (n,)."""
        return np.fromiter((key in self._keys for key in keys(genotypes)), dtype=np.bool_)

    def unseen(self, genotypes: Genotypes) -> npt.NDArray[np.intp]:
        """Return the rows of canonical genotypes never evaluated, the first of equal ones."""
        taken, rows = set(self._keys), []
        for row, key in enumerate(keys(genotypes)):
            if key not in taken:
                taken.add(key)
                rows.append(row)
        return np.array(rows, dtype=np.intp)

    def fresh(self, genotypes: Genotypes) -> Genotypes:
        """Return the canonical genotypes never evaluated, each once, in the order given."""
        return genotypes[self.unseen(genotypes)]

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which evaluations succeeded, bool (n,)."""
        return pareto.complete(self.values)


def keys(genotypes: Genotypes) -> list[bytes]:
    """Return one hashable key per row of int8 (n, p)."""
    rows = np.ascontiguousarray(genotypes, dtype=np.int8)
    return cast("list[bytes]", rows.view(f"V{rows.shape[1]}").ravel().tolist())

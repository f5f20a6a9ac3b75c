"""A pymoo algorithm behind our protocol: it moves points, we evaluate the sub-networks they name.

pymoo's algorithms keep what they know of an individual on the individual itself, count on hearing
of every one they asked for, and may ask for one alone or for points between the codes. So values
are set on the individuals that were asked, and those without a value are infeasible.
"""

from copy import deepcopy
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pymoo.util
from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.core.algorithm import Algorithm as PymooMethod
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem as PymooProblem
from pymoo.core.termination import NoTermination
from pymoo.termination.max_eval import MaximumFunctionCallTermination
from pymoo.termination.max_gen import MaximumGenerationTermination
from pymoo.util.misc import termination_from_tuple

from latbase.errors import SearchError
from latbase.searcher.coding import Coding
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Minimised
from latbase.searcher.problem import keys

if TYPE_CHECKING:
    from latbase.searcher.algorithms import Setting

LENGTHS = (MaximumGenerationTermination, MaximumFunctionCallTermination)
"""Terminations that say how long a search is, which RVEA needs; the search itself decides."""


def _seeded(seed: int | None = None) -> np.random.Generator:
    return np.random.default_rng(np.random.randint(2**31) if seed is None else seed)  # noqa: NPY002


# pymoo forgets to hand on its generator in places (CMOPSO, PatternSearch), and draws there from one
# without a seed. Its seed now comes from numpy's global generator, whose state Remembering keeps.
pymoo.util.np = SimpleNamespace(random=SimpleNamespace(default_rng=_seeded))


class PymooAlgorithm:
    """A pymoo algorithm on codes: parameter i lies between 0 and the number of its values minus 1.

    Args:
        method: the algorithm, not yet set up.
        setting: what it searches.
    """

    def __init__(self, method: PymooMethod, setting: "Setting") -> None:
        space = setting.problem.space
        self._coding = Coding(space)
        self._constrained = setting.problem.constrained
        # Instances share the defaults of their class, some with a state (SPEA2's survival); pymoo's
        # own minimize() copies too. The history is the one thing to be shared, as it grows.
        self._method = deepcopy(method, {id(setting.history): setting.history})
        self._asked: Population | Individual = Population()
        self._keys: list[bytes] = []
        self._told: dict[bytes, Values] = {}
        self._worst = np.full(setting.problem.width + 1, -np.inf)
        self._failed: list[Individual] = []
        self._ended = False
        # Other algorithms pair every individual with the one it came from.
        self._takes_strangers = type(method)._advance is GeneticAlgorithm._advance  # noqa: SLF001
        length = termination_from_tuple(method.termination)
        self._method.setup(
            PymooProblem(
                n_var=space.p,
                n_obj=setting.problem.width,
                n_ieq_constr=int(self._constrained),
                xl=np.zeros(space.p),
                xu=self._coding.sizes - 1.0,
                vtype=int,
            ),
            termination=length if isinstance(length, LENGTHS) else NoTermination(),
            seed=setting.seed,
        )

    def ask(self) -> Genotypes:
        """Tell pymoo what became of what it asked for, and return what it asks for now."""
        nothing = self._coding.decode(np.empty((0, len(self._coding.sizes)), dtype=np.int8))
        if self._keys and not np.isfinite(self._worst).all():
            return nothing  # all has failed so far, and failures are placed behind what did not
        self._advance()
        asked = None if self._ended else self._method.ask()
        if asked is None and not self._method.termination.force_termination:
            raise SearchError("It evaluates by itself, which pymoo's ask and tell cannot drive.")
        if asked is None or not np.size(asked):
            self._asked, self._keys = Population(), []
            return nothing
        self._asked = asked
        points = np.array([each.X for each in np.atleast_1d(self._asked)], dtype=np.float64)
        genotypes = self._coding.decode(self._coding.codes(points))
        self._keys = keys(genotypes)
        return genotypes

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Keep values until pymoo is asked again."""
        rows = np.column_stack([outcome.points, outcome.violation])
        self._told.update(zip(keys(genotypes), rows, strict=True))
        self._worst = np.maximum(self._worst, rows.max(axis=0))

    def _advance(self) -> None:
        """Give values to all that was asked for, and what else is known to who can use it."""
        asked = list(zip(np.atleast_1d(self._asked), self._keys, strict=True))
        for individual, key in asked:
            if key in self._told:
                self._give(individual, self._told[key])
        self._failed += [individual for individual, key in asked if key not in self._told]
        for individual in self._failed:  # earlier ones too: they stay behind what came since
            self._give(individual, self._worst + np.maximum(np.abs(self._worst), 1.0))
        infills = self._asked
        if self._takes_strangers:
            infills = Population.merge(infills, self._strangers())
        if np.size(infills) and (self._keys or self._method.is_initialized):
            self._told = {}
            self._method.termination.force_termination = False  # mating without result sets it
            self._method.tell(infills)
            self._ended = self._method.termination.force_termination

    def _strangers(self) -> Population:
        """Return as individuals what was evaluated without being asked for."""
        others = [key for key in self._told if key not in self._keys]
        genotypes = np.frombuffer(b"".join(others), dtype=np.int8)
        codes = self._coding.encode(genotypes.reshape(len(others), len(self._coding.sizes)))
        strangers = Population.new(X=codes.astype(np.float64))
        for individual, key in zip(strangers, others, strict=True):
            self._give(individual, self._told[key])
        return strangers

    def _give(self, individual: Individual, row: Values) -> None:
        """Set one individual's objectives and violation."""
        individual.F, individual.CV = row[:-1].copy(), row[-1:].copy()
        if self._constrained:
            individual.G = row[-1:].copy()

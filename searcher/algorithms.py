"""Evolutionary algorithms on a search space: pymoo's, and a user's own by import path."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.algorithm import Algorithm as PymooMethod
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.population import Population
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair

from latbase.errors import SearchError
from latbase.searcher.coding import Coding
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.naming import resolve, users_code
from latbase.searcher.objectives import Minimised
from latbase.searcher.problem import History, Problem, keys
from latbase.searcher.pymoo_method import PymooAlgorithm
from latbase.searcher.remembering import Remembering

POPULATION = 50
"""Sub-networks per generation (§4.2 of the paper)."""

CROSSOVER = 0.9
"""Chance that two parents mix (§4.2)."""

OPERATOR_ETA = 3.0
"""Distribution index of crossover and mutation: small, as parameters have only a few values."""

ALGORITHMS = {
    "nsga2": "latbase.searcher.algorithms:nsga2",
    "unsga3": "latbase.searcher.algorithms:unsga3",
    "rnsga2": "latbase.searcher.algorithms:rnsga2",
    "agemoea": "latbase.searcher.algorithms:agemoea",
    "mocmaes": "latbase.searcher.mo_cma_es:MOCMAES",
    "ga": "latbase.searcher.algorithms:genetic",
}
"""Import paths of the algorithms by name."""


class Algorithm(Protocol):
    """An evolutionary algorithm: proposes sub-networks, learns how good they were."""

    def ask(self) -> Genotypes:
        """Return candidates, int8 (k, p); they may repeat each other and what was evaluated."""

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Learn the outcome of sub-networks, canonical int8 (k, p) and k rows, k >= 1.

        First those asked for, in that order, without the failed ones; then others, if there are.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an algorithm is made from; a user's own factory takes this one argument.

    Attributes:
        problem: space, objectives and constraints.
        population: sub-networks per generation.
        initial: first population, int8 (n, p), canonical; empty to draw one.
        history: what must not be proposed again; None where repeating costs nothing.
        seed: every random choice follows from it.
    """

    problem: Problem
    population: int
    initial: Genotypes
    history: History | None
    seed: int


def algorithm_names() -> tuple[str, ...]:
    """Return the names of the algorithms that come with latbase."""
    return tuple(ALGORITHMS)


def make_algorithm(name: str, setting: Setting) -> Algorithm:
    """Make the algorithm ``name``: one of ours, or ``module:factory``.

    A factory takes a :class:`Setting` and returns an :class:`Algorithm` or a pymoo algorithm.

    Raises:
        UnknownNameError: there is no such algorithm.
        SearchError: the algorithm does not fit the number of objectives.
    """
    factory = cast("Callable[[Setting], object]", resolve("algorithm", name, ALGORITHMS))

    def make(setting: Setting) -> Algorithm:
        with users_code("algorithm", name, "its factory"):
            made = factory(setting)
            if isinstance(made, PymooMethod):
                return PymooAlgorithm(made, setting)
        if isinstance(made, type) or not (hasattr(made, "ask") and hasattr(made, "tell")):
            raise SearchError(
                f"The factory of algorithm {name!r} returned {made!r}; expected a pymoo algorithm "
                "or an object with ask() and tell(genotypes, outcome)."
            )
        return cast("Algorithm", made)

    return Remembering(make, name, setting)


class ReferenceSeeking(PymooAlgorithm):
    """R-NSGA-II's reference points, set once the first population shows where good values lie."""

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Aim at the ideal and, for each objective, at giving up half its range."""
        if len(genotypes) and not self._method.is_initialized:
            ideal, worst = outcome.points.min(axis=0), outcome.points.max(axis=0)
            relaxed = ideal + 0.5 * np.diag(worst - ideal)
            self._method.survival.ref_points = np.vstack([ideal, relaxed])
        super().tell(genotypes, outcome)


class Unseen(DuplicateElimination):  # type: ignore[misc] # pymoo is not typed
    """Judge duplicates on canonical form, within a generation and against all evaluations."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._coding = Coding(setting.problem.space)
        self._history = setting.history

    def _do(
        self, pop: Population, other: Population | None, is_duplicate: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        genotypes = self._genotypes(pop)
        if other is not None:
            taken = set(keys(self._genotypes(other)))
            is_duplicate |= np.array([key in taken for key in keys(genotypes)])
            return is_duplicate
        if self._history is not None:
            is_duplicate |= self._history.contains(genotypes)
        met: set[bytes] = set()
        for row, key in enumerate(keys(genotypes)):
            is_duplicate[row] |= key in met
            met.add(key)
        return is_duplicate

    def _genotypes(self, population: Population) -> Genotypes:
        return self._coding.decode(self._coding.codes(population.get("X").astype(np.float64)))


def nsga2(setting: Setting) -> PymooMethod:
    """NSGA-II (Deb et al., 2002)."""
    return NSGA2(**_genetic(setting))


def unsga3(setting: Setting) -> PymooMethod:
    """U-NSGA-III (Seada and Deb, 2016) with one reference direction per member."""
    from pymoo.algorithms.moo.unsga3 import UNSGA3  # noqa: PLC0415 - needed by this choice alone
    from pymoo.util.ref_dirs import get_reference_directions  # noqa: PLC0415

    width, population = setting.problem.width, setting.population
    if width == 2:  # noqa: PLR2004 - in a plane even steps are exact
        directions = get_reference_directions("das-dennis", 2, n_partitions=population - 1)
    elif population < width:
        raise SearchError(
            f"Algorithm 'unsga3' needs a population of {width} or more for {width} objectives; "
            f"it is {population}."
        )
    else:
        directions = get_reference_directions("energy", width, population, seed=setting.seed)
    return UNSGA3(directions, **_genetic(setting))


def rnsga2(setting: Setting) -> "PymooAlgorithm":
    """R-NSGA-II (Deb and Sundar, 2006), drawn to the ideal of the first population."""
    from pymoo.algorithms.moo.rnsga2 import RNSGA2  # noqa: PLC0415 - needed by this choice alone

    method = RNSGA2(ref_points=np.zeros((1, setting.problem.width)), **_genetic(setting))
    return ReferenceSeeking(method, setting)


def agemoea(setting: Setting) -> PymooMethod:
    """AGE-MOEA (Panichella, 2019)."""
    from pymoo.algorithms.moo.age import AGEMOEA  # noqa: PLC0415 - compiles for seconds

    return AGEMOEA(**_genetic(setting))


def genetic(setting: Setting) -> PymooMethod:
    """Genetic algorithm for one objective."""
    if setting.problem.width != 1:
        raise SearchError(
            f"Algorithm 'ga' optimises one objective, not {setting.problem.width}; "
            "bound the others instead, or choose nsga2."
        )
    return GA(**_genetic(setting))


def first_codes(setting: Setting) -> Values:
    """Return the first population as pymoo's algorithms take it for ``sampling``, float (n, p)."""
    initial = setting.initial
    if not len(initial):
        initial = setting.problem.space.sample(setting.population, setting.seed)
    return Coding(setting.problem.space).encode(initial).astype(np.float64)


def _genetic(setting: Setting) -> dict[str, object]:
    """Population, operators and duplicate rule that every genetic algorithm shares."""
    return {
        "pop_size": setting.population,
        "sampling": first_codes(setting),
        "crossover": SBX(prob=CROSSOVER, eta=OPERATOR_ETA, vtype=float, repair=RoundingRepair()),
        "mutation": PM(
            # The chance is per parameter; every individual may mutate.
            prob=1.0,
            prob_var=1.0 / setting.population,
            eta=OPERATOR_ETA,
            vtype=float,
            repair=RoundingRepair(),
        ),
        "eliminate_duplicates": Unseen(setting),
    }

"""What a tactic is, which there are, and how one is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from latbase.searcher.knowledge import Genotypes
from latbase.searcher.naming import resolve, users_code
from latbase.searcher.problem import History, Problem

TACTICS = {
    "auto": "latbase.searcher.tactics.auto:Auto",
    "full": "latbase.searcher.tactics.full:Full",
    "warm_start": "latbase.searcher.tactics.full:warm_start",
    "concurrent": "latbase.searcher.tactics.concurrent:Concurrent",
    "predictors_first": "latbase.searcher.tactics.predictors_first:PredictorsFirst",
    "weaknas": "latbase.searcher.tactics.weaknas:WeakNAS",
    "lanas": "latbase.searcher.tactics.lanas:LaNAS",
    "seminas": "latbase.searcher.tactics.seminas:SemiNAS",
    "random": "latbase.searcher.tactics.random_search:RandomSearch",
}
"""Import paths of the tactics by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller of a tactic may choose; a tactic ignores what it has no use for.

    Attributes:
        algorithm: evolutionary algorithm, by name or import path.
        predictor: kind of predictor; None for the tactic's own choice.
        population: sub-networks per ask; None for the tactic's own choice.
        training: evaluations a predictors-first search spends before it predicts.
    """

    algorithm: str = "nsga2"
    predictor: str | None = None
    population: int | None = None
    training: int = 100


class Tactic(Protocol):
    """The flow of one search. Its only inputs are the problem and the history it is shown."""

    def ask(self, history: History) -> Genotypes:
        """Propose canonical genotypes, int8 (k, p), given all evaluations so far.

        The search drops those already evaluated, so the next history may hold fewer.
        """


def tactic_names() -> tuple[str, ...]:
    """Return the names of the tactics that come with latbase."""
    return tuple(TACTICS)


def make_tactic(name: str, problem: Problem, options: Options) -> Tactic:
    """Make the tactic ``name``, one of ours or ``module:factory`` taking problem and options.

    Raises:
        UnknownNameError: there is no such tactic.
        SearchError: the user's factory raised something.
    """
    factory = cast("Callable[[Problem, Options], Tactic]", resolve("tactic", name, TACTICS))
    with users_code("tactic", name, "its factory"):
        return factory(problem, options)

"""A user's own tactic by import path: what it raises names it, and is its own fault."""

import numpy as np
import pytest

from latbase.errors import SearchError
from latbase.searcher import Objective, Search
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, drive

OBJECTIVES = [Objective("top1", maximize=True), Objective("latency_ms")]


class Ascending:
    """Asks for what is next in the sample, three at a time."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._sample = problem.space.sample(30, problem.seed)
        self._size = options.population or 3

    def ask(self, history: History) -> Genotypes:
        return self._sample[len(history) : len(history) + self._size]


def unmakable(_problem: Problem, _options: Options) -> Ascending:
    raise KeyError("no checkpoint")


class Raising(Ascending):
    def ask(self, _: History) -> Genotypes:
        raise ZeroDivisionError("division by zero")


class Outside(Ascending):
    def ask(self, _: History) -> Genotypes:
        return np.full((2, self._sample.shape[1]), 99, np.int8)


def path(name: str) -> str:
    return f"{__name__}:{name}"


def test_a_users_tactic_searches(space: SearchSpace, evaluate: Evaluate) -> None:
    found = drive(Search(space, OBJECTIVES, path("Ascending"), 4), evaluate, 12)
    np.testing.assert_array_equal(found.evaluations[0][:12], space.sample(30, 4)[:12])


def test_a_factory_that_raises_is_named(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match=r"Your tactic '.*:unmakable' failed in its factory: Key"):
        Search(space, OBJECTIVES, path("unmakable"))


@pytest.mark.parametrize(
    ("name", "reason"), [("Raising", "ZeroDivisionError"), ("Outside", "InvalidInputError")]
)
def test_what_ask_does_wrong_is_named(space: SearchSpace, name: str, reason: str) -> None:
    search = Search(space, OBJECTIVES, path(name))
    with pytest.raises(SearchError, match=rf"Your tactic '.*:{name}' failed in ask\(\): {reason}"):
        search.ask()

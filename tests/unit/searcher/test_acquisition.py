"""Which candidates are evaluated next."""

import numpy as np
import pytest

from latbase.searcher.acquisition import greedy_batch, informative_batch
from latbase.searcher.objectives import Minimised


def test_informative_batch_takes_the_largest_doubt_left_by_those_before() -> None:
    draws = np.random.default_rng(0)
    roots = draws.normal(size=(2, 12, 4))
    doubts = [root @ root.T for root in roots]
    chosen = informative_batch(doubts, 4).tolist()
    for length in range(4):
        before = chosen[:length]
        gains = np.zeros(12)
        for doubt in doubts:
            known = np.linalg.inv(doubt[np.ix_(before, before)] + np.eye(length))
            left = doubt - doubt[:, before] @ known @ doubt[before]
            gains += np.log1p(np.diag(left))
        gains[before] = -1.0
        assert chosen[length] == gains.argmax()


def test_equal_candidates_teach_once() -> None:
    doubt = np.array([[4.0, 4.0, 0.0], [4.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    assert informative_batch([doubt], 2).tolist() == [0, 2]
    assert sorted(informative_batch([doubt], 5).tolist()) == [0, 1, 2]


def outcome(points: list[list[float]], violation: float | list[float] = 0.0) -> Minimised:
    return Minimised(
        points=np.array(points), violation=np.broadcast_to(violation, len(points)).astype(float)
    )


def test_candidates_that_break_a_bound_are_never_chosen() -> None:
    candidates = outcome([[0.1, 0.1], [0.8, 0.8], [0.2, 0.2]], [0.5, 0.0, 1e-3])
    assert greedy_batch(candidates, outcome([[0.0, 1.0], [1.0, 0.0]]), 3).tolist() == [1]


def test_a_candidate_that_adds_nothing_to_those_chosen_before_is_left_out() -> None:
    best, almost, elsewhere = [0.3, 0.3], [0.31, 0.31], [-0.01, 0.95]
    candidates = outcome([elsewhere, almost, best])
    evaluated = outcome([[0.0, 1.0], [1.0, 0.0]])
    assert greedy_batch(candidates, evaluated, 2).tolist() == [2, 0]
    assert greedy_batch(candidates, evaluated, 3).tolist() == [2, 0]


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_fronts_grow_little_beyond_their_ends_before_they_grow_inwards(unit: float) -> None:
    evaluated = outcome([[0.0, unit], [unit, 0.0]])
    end, middle, slightly_worse, far_worse = [-0.2, 1.0], [0.8, 0.8], [1.05, -0.5], [1.5, -0.5]
    for batch, chosen in (([end, middle], [1, 0]), ([far_worse, slightly_worse], [1])):
        candidates = outcome((np.array(batch) * unit).tolist())
        assert greedy_batch(candidates, evaluated, 2).tolist() == chosen

"""Which candidates are evaluated next."""

import numpy as np

from latbase.searcher.acquisition import informative_batch


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

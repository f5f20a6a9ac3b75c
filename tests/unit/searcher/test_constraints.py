"""Searches under bounds that hardly anything keeps, and values that are missing."""

import numpy as np
import pytest

from latbase.searcher import Objective, Search
from latbase.searcher.evolution import survivors
from latbase.searcher.objectives import minimised
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, drive

TOP1 = Objective("top1", maximize=True)


def random_best(space: SearchSpace, evaluate: Evaluate, column: int) -> float:
    return float(evaluate(space.sample(2000, 5))[:, column].min())


@pytest.mark.parametrize("share", [0.9, 0.5])
def test_the_default_finds_what_keeps_a_bound_that_no_draw_keeps(
    space: SearchSpace, evaluate: Evaluate, share: float
) -> None:
    """Whole batches are asked all the way, however few candidates are thought to keep the bound."""
    least = evaluate(space.smallest())[0, 1]
    bound = least + share * (random_best(space, evaluate, 1) - least)
    bounded = [TOP1, Objective("latency_ms", at_most=bound)]
    search = drive(Search(space, bounded, seed=1), evaluate, 17)
    sizes = []
    while len(search.evaluations[0]) < 60:
        asked = search.ask()
        sizes.append(len(asked))
        search.tell(asked, evaluate(asked))
    assert np.mean(sizes) > 3
    genotypes, values = search.front()
    assert len(genotypes) > 3
    assert (values[:, 1] <= bound).all()


def test_the_default_goes_on_where_nothing_keeps_the_bound(
    space: SearchSpace, evaluate: Evaluate
) -> None:
    """What breaks it least is asked, not what chance draws, in batches as ever."""
    nothing = [TOP1, Objective("latency_ms", at_most=1.0)]
    search = drive(Search(space, nothing, seed=1), evaluate, 12)
    first = search.evaluations[1][:, 1]
    while len(search.evaluations[0]) < 52:
        asked = search.ask()
        assert len(asked) == 5
        search.tell(asked, evaluate(asked))
    later = search.evaluations[1][12:, 1]
    assert np.median(later) < 0.5 * (first.min() + np.median(first))


def test_a_missing_column_makes_a_failure_whether_optimised_or_not() -> None:
    objectives = [TOP1, Objective("params", at_most=4.0, optimize=False)]
    values = np.array([[80.0, np.nan], [70.0, 9.0], [75.0, 3.0], [np.nan, 3.0]])
    outcome = minimised(objectives, values)
    assert outcome.feasible.tolist() == [False, False, True, False]
    assert outcome.ranks().tolist() == [2, 1, 0, 2]
    assert survivors(outcome, 4).tolist() == [2, 1]


def test_weaknas_goes_on_when_its_pool_is_used_up(
    space: SearchSpace, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latbase.searcher.tactics.weaknas.POOL", 10)
    search = Search(space, [TOP1, Objective("latency_ms")], "weaknas", population=5)
    assert len(drive(search, evaluate, 12).evaluations[0]) == 12

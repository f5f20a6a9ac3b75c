"""The search inside a search: nothing is predicted twice, nothing evaluated is proposed again."""

import numpy as np

from latbase.searcher import Objective
from latbase.searcher.algorithms import Setting
from latbase.searcher.evolution import FastNSGA2
from latbase.searcher.inner import best_unseen
from latbase.searcher.objectives import Minimised
from latbase.searcher.problem import History, Problem
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate


def test_children_repeat_neither_each_other_nor_their_parents(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    fixed = {q.name: q.values[:1] for q in space.parameters if not q.name.startswith("d")}
    few = space.restrict({**fixed, "ks[0]": [3, 5], "e[1]": [3, 6]})
    problem = Problem(space=few, objectives=tuple(objectives))
    initial = few.sample(20, 0)
    method = FastNSGA2(
        Setting(problem=problem, population=20, initial=initial, history=None, seed=0)
    )
    for _ in range(10):
        children = method.ask()
        assert len(np.unique(children, axis=0)) == len(children)
        parents = {row.tobytes() for row in method.population[0]}
        assert not parents & {row.tobytes() for row in children}
        assert (few.canonical(children) == children).all()
        method.tell(children, problem.minimised(evaluate(children)))


def test_the_best_unseen_are_distinct_and_were_never_evaluated(space: SearchSpace) -> None:
    drawn = space.sample(30, 0)
    visited = drawn[[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]]
    history = History(space.p, 1)
    history.append(drawn[[4, 9]], np.zeros((2, 1)))
    assert history.unseen(visited).tolist() == [0, 1, 4, 6, 7]
    assert (history.fresh(visited) == drawn[[3, 1, 5, 2, 6]]).all()
    points = np.array([[3.0], [1.0], [4.0], [1.0], [5.0], [9.0], [2.0], [6.0], [5.0], [3.0]])
    outcome = Minimised(points=points, violation=np.zeros(len(points)))
    assert best_unseen(visited, outcome, history, 3).tolist() == [1, 6, 0]

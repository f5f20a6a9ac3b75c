"""What a tactic asks for next follows from what it was told."""

from collections.abc import Callable

import numpy as np
import pytest

from latbase.searcher import Objective, pareto
from latbase.searcher.acquisition import reference_point
from latbase.searcher.inner import Predicted
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.models import ObjectiveModel
from latbase.searcher.objectives import Minimised
from latbase.searcher.predictors.base import Doubting, Model
from latbase.searcher.problem import History, Problem
from latbase.searcher.representation import Representation
from latbase.searcher.tactics import auto, lanas, seminas
from latbase.searcher.tactics.registry import Options
from latbase.searcher.threads import one_thread
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, Values


def told(problem: Problem, evaluate: Callable[[Genotypes], Values], rows: int) -> History:
    """Return a history of random sub-networks."""
    history = History(problem.space.p, len(problem.objectives))
    genotypes = history.fresh(problem.space.sample(rows, 5))
    history.append(genotypes, evaluate(genotypes))
    return history


def taught(model: Model, features: Values) -> float:
    """Return what evaluating these rows would tell ``model``, float (n, f)."""
    assert isinstance(model, Doubting)
    return float(np.linalg.slogdet(np.eye(len(features)) + model.doubt(features))[1])


def test_auto_asks_by_turns_for_what_teaches_more_and_for_what_promises_more(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    problem = Problem(space=space, objectives=tuple(objectives))
    history, represent = told(problem, evaluate, 25), Representation(space)
    with one_thread():
        tactic = auto.Auto(problem, Options())
        asked = [tactic.ask(history) for _ in range(4)]
        models = {
            o.name: ObjectiveModel(problem, o.name, represent).fit(
                represent(history.genotypes), column
            )
            for o, column in zip(objectives, history.values.T, strict=True)
        }
    predicted = Predicted(problem, models, represent)
    seen = predicted(history.genotypes)
    lessons = [sum(taught(m, represent(batch)) for m in models.values()) for batch in asked]
    promises = [
        pareto.hypervolume(
            Minimised.stacked([seen, predicted(batch)]).points, reference_point(seen)
        )
        for batch in asked
    ]
    assert min(lessons[::2]) > max(lessons[1::2])
    assert max(promises[::2]) < min(promises[1::2])


@pytest.fixture
def fast(space: SearchSpace) -> Problem:
    """Return the search for the lowest latency."""
    return Problem(space=space, objectives=(Objective("latency_ms"),))


def test_lanas_draws_from_the_better_side_of_its_splits(fast: Problem, evaluate: Evaluate) -> None:
    history = told(fast, lambda genotypes: evaluate(genotypes)[:, 1:], 60)
    with one_thread():
        asked = lanas.LaNAS(fast, Options(population=20)).ask(history)
    assert evaluate(asked)[:, 1].mean() < np.quantile(history.values, 0.4)


def test_seminas_moves_the_best_to_what_is_better(
    fast: Problem, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seminas, "UNLABELLED", 20)
    history = told(fast, lambda genotypes: evaluate(genotypes)[:, 1:], 30)
    with one_thread():
        asked = seminas.SemiNAS(fast, Options(population=10)).ask(history)
    best = np.sort(history.values, axis=0)[:10]
    assert evaluate(asked)[:, 1].mean() < best.mean()

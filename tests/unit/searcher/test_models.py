"""The models of the default tactic, one per objective."""

import pytest

from latbase.searcher import Knowledge, Objective, fit_predictor
from latbase.searcher.models import ObjectiveModel
from latbase.searcher.predictors.base import score
from latbase.searcher.problem import Problem
from latbase.searcher.representation import Representation
from latbase.searcher.threads import one_thread
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate

ROWS = 20


def rank_correlation(space: SearchSpace, evaluate: Evaluate, knowledge: Knowledge) -> float:
    """Compare predictions of a latency, learnt from a few rows and the sources, with the truth."""
    problem = Problem(space=space, objectives=(Objective("latency_ms"),), knowledge=knowledge)
    represent = Representation(space)
    genotypes = space.sample(200, 1)
    features, latencies = represent(genotypes), evaluate(genotypes)[:, 1]
    with one_thread():
        model = ObjectiveModel(problem, "latency_ms", represent)
        fitted = model.fit(features[:ROWS], latencies[:ROWS])
    return score(fitted.mean(features[ROWS:]), latencies[ROWS:]).tau


@pytest.mark.parametrize("misleads", [False, True])
def test_sources_are_used_where_they_help_and_given_up_where_they_mislead(
    misleads: bool, space: SearchSpace, evaluate: Evaluate
) -> None:
    genotypes = space.sample(300, 2)
    here = evaluate(genotypes)[:, 1]
    elsewhere = 100.0 - here if misleads else 3.0 * here
    source = fit_predictor(space.features(genotypes), elsewhere, kind="ridge")
    alone = rank_correlation(space, evaluate, Knowledge())
    informed = rank_correlation(space, evaluate, Knowledge(sources={"latency_ms": [source]}))
    assert 0.6 < alone < 0.9
    assert informed > (alone - 0.05 if misleads else 0.95)

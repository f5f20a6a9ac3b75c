"""The default tactic: a graded start, one model per objective, small batches.

Batches are chosen by turns for what they teach the models about candidates near the front, and for
the hypervolume they promise: evaluations on the front alone vary together, so models taught by
them cannot tell which choice did it.

What each part brings is in docs/searching.md, measured by bench/ablation.py.
"""

import numpy as np

from latbase.searcher.acquisition import graded, greedy_batch, informative_batch
from latbase.searcher.algorithms import Setting
from latbase.searcher.evolution import survivors
from latbase.searcher.inner import Predicted, best_unseen, inner_search
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.models import ObjectiveModel
from latbase.searcher.predictors.base import Doubting, Model
from latbase.searcher.predictors.fitting import LEAST_ROWS, choose_probes, fit_predictor
from latbase.searcher.problem import History, Problem
from latbase.searcher.representation import Representation
from latbase.searcher.tactics.registry import Options

START = 12
"""Sub-networks evaluated before there are models; more of them learn less than models ask for."""

INFORMED_START = 8
"""The same where knowledge covers every objective: enough to weigh the sources."""

BATCH = 5
"""Sub-networks per ask; smaller batches learn sooner, at more fits per evaluation."""

POPULATION = 100
"""Population of the inner search."""

GENERATIONS = 30
"""Generations of the inner search; it starts from the best found before, so few suffice."""

CANDIDATES = 400
"""Best candidates of the inner search among which a batch is chosen."""


class Auto:
    """Model-based search on the space's own structure and whatever is known before."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._batch = options.population or BATCH
        self._kind = options.predictor
        self._draws = problem.generator("auto")
        self._represent = Representation(problem.space)
        exact = problem.knowledge.exact
        names = [objective.name for objective in problem.objectives]
        self._models = {
            name: ObjectiveModel(problem, name, self._represent)
            for name in names
            if name not in exact
        }
        self._exploring = False
        self._elite = np.empty((0, problem.space.p), dtype=np.int8)

    def ask(self, history: History) -> Genotypes:
        """Return a start, then by turns what tells most and what promises most hypervolume."""
        rows = history.complete
        if rows.sum() < LEAST_ROWS:
            return self._start()
        models = self._fitted(history)
        predicted = Predicted(self._problem, models, self._represent)
        known = history.genotypes[rows]
        # Models see through the noise of single evaluations.
        smoothed = predicted(known)
        best = known[survivors(smoothed, POPULATION)]
        setting = Setting(
            problem=self._problem,
            population=POPULATION,
            initial=History(self._problem.space.p, 0).fresh(np.vstack([best, self._elite])),
            history=None,
            seed=int(self._draws.integers(2**31)),
        )
        visited, outcome = inner_search(predicted, "nsga2", setting, GENERATIONS)
        hopeful = best_unseen(visited, outcome, history, CANDIDATES)
        candidates, promised = visited[hopeful], outcome.rows(hopeful)
        self._elite = candidates[:POPULATION]
        self._exploring = not self._exploring
        # Where none is thought to keep the bounds, those that break them least come first.
        acceptable = candidates[promised.feasible] if promised.feasible.any() else candidates
        doubts = self._doubts(models, acceptable) if self._exploring else []
        if doubts:
            return acceptable[informative_batch(doubts, self._batch)]
        chosen = greedy_batch(promised, smoothed, self._batch)
        return candidates[chosen] if len(chosen) else candidates[: self._batch]

    def _doubts(self, models: dict[str, Model], candidates: Genotypes) -> list[Values]:
        """Return what is not known of candidates near the front, by model that can tell."""
        features = self._represent(candidates)
        return [model.doubt(features) for model in models.values() if isinstance(model, Doubting)]

    def _fitted(self, history: History) -> dict[str, Model]:
        rows = history.complete
        features = self._represent(history.genotypes[rows])
        columns = {o.name: column for column, o in enumerate(self._problem.objectives)}
        if self._kind is not None:
            return {
                name: fit_predictor(features, history.values[rows, columns[name]], self._kind).model
                for name in self._models
            }
        return {
            name: model.fit(features, history.values[rows, columns[name]])
            for name, model in self._models.items()
        }

    def _start(self) -> Genotypes:
        """Return the ends of the space and a graded draw, or probes from known fronts."""
        space = self._problem.space
        ends = np.vstack([space.smallest(), space.largest()])
        informed = all(model.ready for model in self._models.values())
        size = INFORMED_START if informed else START
        knowledge = self._problem.knowledge
        fronts = knowledge.fronts if informed or knowledge.chosen else ()
        pool = [front for front in fronts if len(front)]
        middle = space.canonical(np.vstack(pool)) if pool else graded(space, size, self._draws)
        unique = History(space.p, 0).fresh(middle)
        probes = unique[choose_probes(space.features(unique), size - len(ends))]
        return np.vstack([ends, probes])

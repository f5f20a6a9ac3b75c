"""The models of the default tactic: one per objective, kept up to date as evaluations come in."""

from collections.abc import Callable, Sequence

import numpy as np

from latbase.searcher.acquisition import graded
from latbase.searcher.knowledge import Known, Source, Values
from latbase.searcher.predictors import ridge, transfer, warped
from latbase.searcher.predictors.base import Features, Model
from latbase.searcher.predictors.gaussian_process import thinned
from latbase.searcher.predictors.ridge import Ridge
from latbase.searcher.predictors.transfer import Transfer
from latbase.searcher.predictors.warped import WarpedProcess
from latbase.searcher.problem import Problem
from latbase.searcher.representation import Representation

REFIT_GROWTH = 1.2
"""Growth of the number of rows after which warping and hyper-parameters are chosen anew."""

KNOWN_ROWS = 600
"""Known values a model is fitted on besides the search's own; its time grows with their number."""

DISTILLED_ROWS = 1000
"""Sub-networks on which a source is imitated by a linear model, which takes microseconds."""

COMPARED_ROWS = 10
"""Evaluations from which a model without sources may turn out better than one with."""

LEAST_KNOWN = 50
"""Known values that make an objective predictable before its first evaluation."""

Fitted = WarpedProcess | Transfer


class ObjectiveModel:
    """Predicts one objective from own evaluations, known values and sources."""

    def __init__(self, problem: Problem, name: str, represent: Representation) -> None:
        known = problem.knowledge.known.get(name) or Known.nothing(problem.space.p)
        rows = thinned(len(known.values), KNOWN_ROWS)
        self._features = represent(problem.space.canonical(known.genotypes[rows]))
        self._values = known.values[rows]
        self._groups = represent.groups
        self._sources = distilled(problem, problem.knowledge.sources.get(name, ()), represent)
        self._fitted: Fitted | None = None
        self._refit_at = 0.0

    @property
    def ready(self) -> bool:
        """Whether it can predict before the first evaluation."""
        return bool(self._sources) or len(self._values) >= LEAST_KNOWN

    def fit(self, features: Features, y: Values) -> Model:
        """Return a model fitted on own evaluations, float (n, f) and (n,), and what is known."""
        x, target = np.vstack([self._features, features]), np.append(self._values, y)
        start = self._fitted
        if start is None or len(target) >= self._refit_at:
            self._fitted = min(self._candidates(x, target), key=_error_on(target))
            self._refit_at = REFIT_GROWTH * len(target)
        elif isinstance(start, Transfer):
            self._fitted = transfer.fit(x, target, self._sources, self._groups, start)
        else:
            self._fitted = warped.fit(x, target, self._groups, start)
        return self._fitted

    def _candidates(self, x: Features, target: Values) -> list[Fitted]:
        """Fit what there is enough evidence for: sources until they can be compared, then both."""
        if not self._sources:
            return [warped.fit(x, target, self._groups)]
        transferred = transfer.fit(x, target, self._sources, self._groups)
        if len(target) < COMPARED_ROWS:
            return [transferred]
        return [transferred, warped.fit(x, target, self._groups)]


def distilled(
    problem: Problem, sources: Sequence[Source], represent: Representation
) -> tuple[Ridge, ...]:
    """Imitate sources, which take the features of the space, by linear models of ours."""
    if not sources:
        return ()
    draws = problem.generator("distillation")
    genotypes = graded(problem.space, DISTILLED_ROWS, draws)
    given, ours = problem.space.features(genotypes), represent(genotypes)
    return tuple(ridge.fit(ours, source.predict(given)[0]) for source in sources)


def _error_on(target: Values) -> Callable[[Fitted], float]:
    def error(fitted: Fitted) -> float:
        return float(np.abs(fitted.left_out - target).mean())

    return error

"""LaNAS (Wang et al., TPAMI 2021): learn to split the space, sample where good ones are.

Latent actions are linear splits learnt from the evaluations: a node regresses the quality of its
sub-networks on their features and splits at the mean prediction. An upper confidence bound leads
from the root to a leaf, and a batch is drawn from there. With several objectives quality is minus
the dominance rank (as in LaMOO, Zhao et al., 2022).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.predictors import ridge
from latbase.searcher.predictors.ridge import Ridge
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

ROUND = 50
"""Evaluations per tree."""

DEPTH = 5
"""Splits from the root to a leaf (the authors' tree height)."""

LEAST_LEAF = 10
"""Evaluations a node needs to be split."""

EXPLORATION = 0.1
"""Weight of the confidence bound, for qualities between 0 and 1."""

DRAWS = 10_000
"""Random sub-networks from which those of a leaf are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One latent action: the side of a linear model's threshold that looked better."""

    model: Ridge
    threshold: float
    above: bool

    def __call__(self, features: Values) -> npt.NDArray[np.bool_]:
        """Tell which rows of float (n, f) are on the chosen side."""
        return np.asarray((self.model.mean(features) > self.threshold) == self.above)


class LaNAS:
    """Draw from the leaf that a tree of learnt splits leads to."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._round = options.population or ROUND
        self._draws = problem.generator("lanas")

    def ask(self, history: History) -> Genotypes:
        """Return unseen sub-networks of the most promising leaf."""
        pool = self._problem.space.sample(DRAWS, int(self._draws.integers(2**31)))
        pool = history.fresh(pool)
        features = self._problem.space.features(pool)
        inside = np.ones(len(pool), dtype=np.bool_)
        for split in self._path(history):
            deeper = inside & split(features)
            if deeper.sum() < self._round:
                break
            inside = deeper
        return pool[inside][: self._round]

    def _path(self, history: History) -> list[Split]:
        """Learn the splits from the root to the leaf with the best confidence bound."""
        rows = history.complete
        features = self._problem.space.features(history.genotypes[rows])
        rank = self._problem.minimised(history.values[rows]).ranks()
        quality = 1.0 - rank / max(1, rank.max(initial=0))
        path: list[Split] = []
        while len(quality) >= LEAST_LEAF and len(path) < DEPTH and np.ptp(quality) > 0:
            split = _best_split(features, quality)
            side = split(features)
            if side.all() or not side.any():
                break
            path.append(split)
            features, quality = features[side], quality[side]
        return path


def _best_split(features: Values, quality: Values) -> Split:
    model = ridge.fit(features, quality)
    predicted = model.mean(features)
    threshold = float(predicted.mean())
    above = predicted > threshold
    bounds = [
        quality[side].mean() + EXPLORATION * np.sqrt(2.0 * np.log(len(quality)) / side.sum())
        if side.any()
        else -np.inf
        for side in (above, ~above)
    ]
    return Split(model=model, threshold=threshold, above=bool(bounds[0] >= bounds[1]))

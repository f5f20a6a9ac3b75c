"""SemiNAS (Luo et al., NeurIPS 2020): encoder, predictor, decoder, and pseudo-labels.

An encoder maps sub-networks to a latent space in which a predictor gives quality and from which a
decoder gives sub-networks back. The predictor's own labels of unevaluated sub-networks join the
training data; the best evaluated ones then move up the predicted gradient and are decoded. The
encoder here is the principal subspace of the features and the decoder its least-squares inverse, so
that a round trains in milliseconds; quality is minus the dominance rank.
"""

import numpy as np

from latbase.searcher.coding import Coding
from latbase.searcher.evolution import survivors
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.predictors import learners
from latbase.searcher.problem import History, Problem
from latbase.searcher.tactics.registry import Options

ROUND = 50
"""Evaluations per round."""

UNLABELLED = 500
"""Sub-networks the predictor labels itself."""

LATENT = 16
"""Dimensions of the latent space."""

STEPS = (0.5, 1.0, 2.0, 4.0)
"""Lengths of the moves along the gradient, in standard deviations of the latent space."""

NUDGE = 1e-3
"""Step of the finite differences that give the gradient."""


class SemiNAS:
    """Move the best sub-networks up the predicted quality in a latent space."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self._problem = problem
        self._round = options.population or ROUND
        self._draws = problem.generator("seminas")
        self._coding = Coding(problem.space)

    def ask(self, history: History) -> Genotypes:
        """Return decoded moves of the best, filled up with random sub-networks."""
        rows = history.complete
        drawn = self._problem.space.sample(UNLABELLED, int(self._draws.integers(2**31)))
        if rows.sum() <= LATENT:
            return drawn[: self._round]
        known, outcome = history.genotypes[rows], self._problem.minimised(history.values[rows])
        centre, axes = _latent(self._codes(np.vstack([known, drawn])))
        latent = (self._codes(known) - centre) @ axes
        rank = outcome.ranks()
        quality = 1.0 - rank / max(1, rank.max())
        first = learners.fit_perceptron(latent, quality)
        unlabelled = (self._codes(drawn) - centre) @ axes
        predictor = learners.fit_perceptron(
            np.vstack([latent, unlabelled]), np.append(quality, first.mean(unlabelled))
        )
        best = latent[survivors(outcome, self._round)]
        uphill = _gradient(predictor, best) * latent.std(axis=0)
        moved = np.vstack([best + step * uphill for step in STEPS])
        decoded = np.rint(moved @ axes.T + centre).clip(0, self._coding.sizes - 1)
        fresh = history.fresh(self._coding.decode(decoded.astype(np.int8)))
        return np.vstack([self._draws.permutation(fresh), drawn])[: self._round]

    def _codes(self, genotypes: Genotypes) -> Values:
        return self._coding.encode(genotypes).astype(np.float64)


def _latent(codes: Values) -> tuple[Values, Values]:
    """Return centre, float (p,), and principal axes, float (p, latent), of float (n, p)."""
    centre = codes.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((codes - centre).T))
    return centre, axes[:, ::-1][:, :LATENT]


def _gradient(predictor: learners.Learned, points: Values) -> Values:
    """Return the direction of rising quality at each point, of length 1, float (n, latent)."""
    columns = [
        predictor.mean(points + NUDGE * axis) - predictor.mean(points - NUDGE * axis)
        for axis in np.eye(points.shape[1])
    ]
    slope = np.column_stack(columns)
    return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12))

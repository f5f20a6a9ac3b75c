"""Which candidates to evaluate next: pure functions of predicted outcomes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.searcher import pareto
from latbase.searcher.coding import Coding
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Minimised

if TYPE_CHECKING:
    from latbase.supernets import SearchSpace

MARGIN = 0.1
"""How far beyond the worst end of the front the reference lies, in extents of the front."""


def graded(space: "SearchSpace", size: int, draws: np.random.Generator) -> Genotypes:
    """Draw sub-networks from all small to all large, canonical, int8 (size, p).

    Uniform draws all have nearly the mean size; these cover the range a front spans.
    """
    coding = Coding(space)
    share = np.linspace(0.0, 1.0, size)[:, None]
    return coding.decode(draws.binomial(coding.sizes - 1, share).astype(np.int8))


def reference_point(outcome: Minimised) -> pareto.Points:
    """Return a reference just beyond the worst values on the front of ``outcome``, float (k,)."""
    front = outcome.points[outcome.front()]
    if not len(front):
        front = outcome.points[pareto.complete(outcome.points)]
    worst, best = front.max(axis=0), front.min(axis=0)
    extent = np.where(worst > best, worst - best, np.maximum(np.abs(worst), 1.0))
    return np.asarray(worst + MARGIN * extent)


def greedy_batch(candidates: Minimised, evaluated: Minimised, size: int) -> npt.NDArray[np.intp]:
    """Choose candidates one by one, each for the hypervolume it adds to all before it.

    Args:
        candidates: predicted outcomes.
        evaluated: outcomes of what was evaluated.
        size: how many to choose at most.

    Returns:
        Positions of the chosen candidates; those that would add nothing are not chosen.
    """
    reference = reference_point(evaluated)
    front = evaluated.points[evaluated.front()]
    hopeful = np.flatnonzero(candidates.feasible)
    chosen: list[int] = []
    while len(chosen) < size and len(hopeful):
        gains = pareto.improvements(candidates.points[hopeful], front, reference)
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        chosen.append(int(hopeful[best]))
        front = np.vstack([front, candidates.points[chosen[-1]]])
        hopeful = hopeful[gains > 0]
        hopeful = hopeful[hopeful != chosen[-1]]
    return np.array(chosen, dtype=np.intp)


def informative_batch(doubts: Sequence[Values], size: int) -> npt.NDArray[np.intp]:
    """Choose candidates one by one, each for what its evaluation would tell beyond all before it.

    Args:
        doubts: by model, the covariance of what it does not know of the candidates, float (n, n),
            in variances of the noise.
        size: how many to choose at most.

    Returns:
        Positions of the chosen candidates.
    """
    left = np.array(doubts)
    chosen: list[int] = []
    for _ in range(min(size, left.shape[1])):
        gains = np.log1p(np.maximum(np.diagonal(left, axis1=1, axis2=2), 0.0)).sum(axis=0)
        gains[chosen] = -1.0
        best = int(gains.argmax())
        chosen.append(best)
        # Whatever value is found, it takes the same doubt away.
        column = left[:, :, best]
        left = left - column[:, :, None] * column[:, None, :] / (1.0 + column[:, best, None, None])
    return np.array(chosen, dtype=np.intp)

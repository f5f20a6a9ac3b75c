"""Drawing and listing the sub-networks of a space."""

import numpy as np

from latbase.supernets.choices import Choices
from latbase.supernets.parameter import Genotypes

_ENUMERABLE = 100_000
"""Spaces up to this size are listed whole to be sampled: milliseconds, and no draw is lost."""


def sample(choices: Choices, n: int, seed: int) -> Genotypes:
    """Draw ``n`` distinct canonical genotypes, or all there are, each parameter uniform."""
    rng = np.random.default_rng(seed)
    if choices.size <= max(_ENUMERABLE, 2 * n):
        return _shuffled(choices, rng)[:n]
    found = np.empty((0, len(choices.controlled)), dtype=np.int8)
    while len(found) < n:
        found = _distinct(np.vstack([found, _draw(choices, n - len(found), rng)]))
    return found


def points(choices: Choices) -> Genotypes:
    """List every canonical genotype once, int8 (size, p)."""
    rows = np.zeros((1, len(choices.controlled)), dtype=np.int8)
    for i in np.argsort(choices.controlled, kind="stable"):
        controller = choices.controlling(rows, np.array([i]))[:, 0]
        count = choices.count[i, controller]
        turn = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows = np.repeat(rows, count, axis=0)
        rows[:, i] = choices.ordered[i, np.repeat(controller, count), turn]
    return rows


def _draw(choices: Choices, n: int, rng: np.random.Generator) -> Genotypes:
    """Draw canonical genotypes, int8 (n, p), repeats included; rows come in the seed's order."""
    u = rng.random((n, len(choices.controlled)))
    g = np.zeros(u.shape, dtype=np.int8)
    for columns in (~choices.controlled, choices.controlled):
        i = np.flatnonzero(columns)
        controller = choices.controlling(g, i)
        turn = (u[:, i] * choices.count[i, controller]).astype(np.intp)
        g[:, i] = choices.ordered[i, controller, turn]
    return g


def _shuffled(choices: Choices, rng: np.random.Generator) -> Genotypes:
    """Put all sub-networks in the order in which distinct draws would find them.

    Exponential clocks whose rates are the points' chances ring in exactly that order.
    """
    every = points(choices)
    i = np.arange(every.shape[1])
    odds = choices.count[i, choices.controlling(every, i)].prod(axis=1, dtype=np.float64)
    return every[np.argsort(rng.exponential(size=len(every)) * odds)]


def _distinct(g: Genotypes) -> Genotypes:
    """Drop repeated rows, keeping the order of first appearance."""
    rows = dict.fromkeys(np.ascontiguousarray(g).view(f"V{g.shape[1]}").ravel().tolist())
    return np.frombuffer(b"".join(rows), dtype=np.int8).reshape(-1, g.shape[1]).copy()

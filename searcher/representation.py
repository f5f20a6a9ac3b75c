"""Sub-networks as the searcher's own models see them: from single choices up to whole sums.

What all blocks add up to explains most of a latency or an accuracy from a dozen evaluations; which
block had it takes hundreds. Each level is a group of features with a variance of its own, so the
effect of a choice is what it is anywhere in the network, plus what it is in its stage, plus what it
is at its place in a stage, plus its own, and the data decide how far down to look.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse

from latbase.searcher.acquisition import graded
from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from latbase.supernets import Parameter, SearchSpace

Groups = tuple[npt.NDArray[np.intp], ...]

REFERENCES = 1000
"""Graded sub-networks whose variance is the unit of every level."""

DETAIL = 0.02
"""Variance that single blocks and stages are expected to explain, in units of whole sums."""


class Representation:
    """Turns genotypes of ``space`` into features that agree for equal sub-networks.

    Attributes:
        groups: columns of the levels: steps from value to value of each parameter, their sums over
            each stage, over the same place of all stages, over the network; exact costs of blocks,
            of stages and the network.
    """

    def __init__(self, space: "SearchSpace") -> None:
        self._space = space
        names = np.array(space.feature_names, dtype=np.str_)
        choice = np.char.find(names, "=") >= 0
        block = np.char.find(names, "block") >= 0
        self._choices = int(choice.sum())  # these columns come first
        blocks, sums = np.flatnonzero(~choice & block), np.flatnonzero(~choice & ~block)
        self._costs = np.append(blocks, sums)
        steps = _steps(space.parameters)
        counts = [steps, *(steps @ members for members in _sums(space.parameters))]
        self._counts = sparse.csc_array(np.hstack(counts))
        given = space.features(graded(space, REFERENCES, np.random.default_rng(0)))
        chosen = given[:, : self._choices]
        self._unit = np.concatenate(
            [
                *(_unit(chosen @ level, DETAIL, counts=True) for level in counts[:3]),
                _unit(chosen @ counts[3], 1.0, counts=True),
                _unit(given[:, blocks], DETAIL, counts=False),
                _unit(given[:, sums], 1.0, counts=False),
            ]
        )
        edges = np.cumsum([*(level.shape[1] for level in counts), len(blocks), len(sums)])
        columns = np.split(np.arange(edges[-1]), edges[:-1])
        self.groups: Groups = tuple(group for group in columns if len(group))

    def __call__(self, genotypes: Genotypes) -> Values:
        """Return float (n, f) for int8 (n, p)."""
        given, width = self._space.features(genotypes), self._counts.shape[1]
        levels = np.empty((len(given), len(self._unit)))
        levels[:, :width] = given[:, : self._choices] @ self._counts
        levels[:, width:] = given[:, self._costs]
        levels /= self._unit
        return levels


def _chosen(parameters: "Sequence[Parameter]") -> "list[tuple[Parameter, int]]":
    """List parameter and position of the value of every column of choices."""
    several = [q for q in parameters if len(q.values) > 1]
    return [(q, value) for q in several for value in range(len(q.values))]


def _steps(parameters: "Sequence[Parameter]") -> Values:
    """Return a matrix from one-hot choices to the values reached on the way there.

    So 7 is expected to differ from 5 in the direction in which 5 differs from 3. Words have no
    order: they stay as they are.
    """
    columns = _chosen(parameters)
    steps = np.zeros((len(columns), len(columns)))
    for row, (q, value) in enumerate(columns):
        ordered = not any(isinstance(word, str) for word in q.values)
        for column, (p, to) in enumerate(columns):
            steps[row, column] = q is p and (value == to or (value > to and ordered))
    return steps


def _sums(parameters: "Sequence[Parameter]") -> tuple[Values, Values, Values]:
    """Return matrices from steps to their sums over stages, over places and over the network.

    A stage is what one parameter controls; the second ``ks`` of each stage is at the same place.
    """
    met: dict[Hashable, list[str]] = defaultdict(list)
    stages, places, kinds = [], [], []
    for q, value in _chosen(parameters):
        kind = q.name.partition("[")[0]
        fellows = met[kind, q.controller]
        if q.name not in fellows:
            fellows.append(q.name)
        stages.append((kind, value, q.controller or q.name))
        places.append((kind, value, fellows.index(q.name)))
        kinds.append((kind, value))
    return _members(stages), _members(places), _members(kinds)


def _members(keys: Sequence[Hashable]) -> Values:
    """Return which positions share a key, float (len(keys), distinct)."""
    place = {key: column for column, key in enumerate(dict.fromkeys(keys))}
    members = np.zeros((len(keys), len(place)))
    members[np.arange(len(keys)), [place[key] for key in keys]] = 1.0
    return members


def _unit(level: Values, share: float, *, counts: bool) -> Values:
    """Return what to divide the columns of a level by, so that its variance is ``share``.

    Counts keep their common unit: a choice counts the same however often it is drawn. Columns of
    other quantities are first brought to equal variance.
    """
    spread = level.std(axis=0)
    unit = np.ones_like(spread) if counts else np.where(spread > 0, spread, 1.0)
    return np.asarray(unit * (np.linalg.norm(spread / unit) / np.sqrt(share) or 1.0))

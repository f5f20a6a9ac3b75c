"""Sub-networks as the searcher's own models see them: from single choices up to whole sums.

What all blocks add up to explains most of a latency or an accuracy from a dozen evaluations; which
block had it takes hundreds. Each level is a group of features with a variance and a length of its
own, so the data decide how far down to look.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from latbase.supernets import Parameter, SearchSpace

Groups = tuple[npt.NDArray[np.intp], ...]


class Representation:
    """Turns genotypes of ``space`` into features that agree for equal sub-networks.

    Attributes:
        groups: columns of the levels: each choice, the size of each choice, sums of the sizes over
            the network, exact costs.
    """

    def __init__(self, space: "SearchSpace") -> None:
        self._space = space
        self._rows = np.arange(space.p)
        self._sizes = _sizes(space.parameters)
        self._wholes = _kinds(space.parameters)
        names = np.array(space.feature_names)
        choice = np.char.find(names, "=") >= 0
        self._choices = np.flatnonzero(choice)
        # Costs of single blocks would only repeat the choices.
        self._costs = np.flatnonzero(~choice & (np.char.find(names, "block") < 0))
        self._totals = np.flatnonzero(~choice & (np.char.find(names, " ") < 0))
        sums = self._wholes.shape[1] + len(self._totals)
        widths = np.array([len(self._choices), space.p, sums, len(self._costs)])
        self.groups: Groups = tuple(np.split(np.arange(widths.sum()), widths.cumsum()[:-1]))

    def __call__(self, genotypes: Genotypes) -> Values:
        """Return float (n, f) for int8 (n, p)."""
        given = self._space.features(genotypes)
        sizes = self._sizes[self._rows, genotypes] * self._space.active(genotypes)
        logarithms = np.log1p(given[:, self._totals])
        levels = [
            given[:, self._choices],
            sizes,
            sizes @ self._wholes,
            logarithms,
            given[:, self._costs],
        ]
        return np.hstack(levels)


def _sizes(parameters: "tuple[Parameter, ...]") -> Values:
    """Return the place of every value in its parameter's order, from 1; 0 for words."""
    sizes = np.zeros((len(parameters), max(len(q.values) for q in parameters)))
    for row, parameter in enumerate(parameters):
        if not any(isinstance(value, str) for value in parameter.values):
            sizes[row, : len(parameter.values)] = np.arange(len(parameter.values)) + 1
    return sizes


def _kinds(parameters: "tuple[Parameter, ...]") -> Values:
    """Return which parameters are of one kind (``ks[0]``, ``ks[1]``, …), float (p, kinds)."""
    kinds = [parameter.name.partition("[")[0] for parameter in parameters]
    members = [[kind == each for kind in kinds] for each in dict.fromkeys(kinds)]
    return np.array(members, dtype=np.float64).T

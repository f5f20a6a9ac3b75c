"""Genotypes as plain integer vectors: what evolutionary operators work on.

Parameter i becomes a whole number from 0 to the number of its allowed values minus 1, so that the
operators know nothing of restrictions, inactive parameters or canonical forms.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import SearchError
from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from latbase.supernets import SearchSpace

Codes = npt.NDArray[np.int8]


class Coding:
    """Translate between canonical genotypes of ``space`` and codes without gaps.

    Attributes:
        sizes: number of allowed values per parameter, int (p,).
    """

    def __init__(self, space: "SearchSpace") -> None:
        self._space = space
        self.sizes = np.array([len(allowed) for allowed in space.allowed])
        width = max(len(parameter.values) for parameter in space.parameters)
        self._values = np.zeros((space.p, width), dtype=np.int8)
        self._codes = np.zeros((space.p, width), dtype=np.int8)
        for row, allowed in enumerate(space.allowed):
            self._values[row, : len(allowed)] = allowed
            distance = np.abs(np.arange(width)[:, None] - np.array(allowed))
            # An inactive parameter's canonical value may be one the space does not allow.
            self._codes[row] = distance.argmin(axis=1)
        self._rows = np.arange(space.p) * width

    def encode(self, genotypes: Genotypes) -> Codes:
        """Return the codes of int8 (n, p), same shape."""
        return self._codes.ravel().take(genotypes + self._rows)

    def decode(self, codes: Codes) -> Genotypes:
        """Return canonical genotypes of codes, int8 (n, p)."""
        return self._space.canonical(self._values.ravel().take(codes + self._rows))

    def codes(self, points: Values) -> Codes:
        """Return the codes of real points, float (n, p); each code has an equal share of its range.

        Codes stand for themselves, and what lies outside counts as the nearest end.

        Raises:
            SearchError: a coordinate is not a number.
        """
        if np.isnan(points).any():
            raise SearchError("A point between the codes has a coordinate that is not a number.")
        top = self.sizes - 1
        shares = np.clip(points, 0, top) * (self.sizes / np.maximum(top, 1))
        return np.asarray(np.minimum(shares, top), dtype=np.int8)

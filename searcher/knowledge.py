"""What is known before a search starts, usually from other configurations in the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Genotypes = npt.NDArray[np.int8]
Values = npt.NDArray[np.float64]


class Source(Protocol):
    """A predictor of the same objective on another configuration."""

    def predict(self, features: Values, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each, for features, float (n, f)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Values of one objective that hold for this search too (accuracy knows no device).

    Attributes:
        genotypes: int8 (n, p).
        values: float (n,), in the objective's own unit and sense.
    """

    genotypes: Genotypes
    values: Values

    @classmethod
    def nothing(cls, parameters: int) -> "Known":
        """Return no values, of a space with that many parameters."""
        return cls(genotypes=np.empty((0, parameters), dtype=np.int8), values=np.empty(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything a search may lean on besides its own evaluations; empty for a cold start.

    Attributes:
        known: by objective name, values that need no new evaluation to be believed.
        sources: by objective name, predictors of other configurations to transfer from.
        fronts: fronts of earlier searches, int8 (k, p) each, the most similar first.
        chosen: whether somebody wants those fronts as the start; otherwise ``auto`` begins with
            them only where it can predict every objective, and so tell what they are worth.
        exact: by objective name, functions of genotypes that give float (n,) exactly and at no
            cost (MACs, parameters); inner searches call them instead of a predictor.
    """

    known: Mapping[str, Known] = field(default_factory=dict)
    sources: Mapping[str, Sequence[Source]] = field(default_factory=dict)
    fronts: Sequence[Genotypes] = ()
    chosen: bool = True
    exact: Mapping[str, Callable[[Genotypes], Values]] = field(default_factory=dict)

"""The additive look-up table: every choice adds its share, whatever the other choices are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latbase.searcher.predictors import ridge
from latbase.searcher.predictors.base import Features, Values
from latbase.searcher.predictors.ridge import Ridge


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """Shares of the choices, fitted together.

    Attributes:
        columns: the features that say a choice was made.
        shares: their additive model.
    """

    columns: npt.NDArray[np.intp]
    shares: Ridge

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        return self.shares.mean(features[:, self.columns])

    def predict(self, features: Features, /) -> tuple[Values, Values]:
        """Return mean and spread, float (n,) each."""
        return self.shares.predict(features[:, self.columns])


def fit(features: Features, y: Values) -> LookupTable:
    """Fit on float (n, f) and (n,); without indicator columns every column counts as a choice."""
    indicator = ((features == 0) | (features == 1)).all(axis=0)
    columns = np.flatnonzero(indicator if indicator.any() else np.ones_like(indicator))
    return LookupTable(columns=columns, shares=ridge.fit(features[:, columns], y))

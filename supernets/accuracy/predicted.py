"""The top-1 predictor that comes with a supernet: published coefficients, no data."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Top1Predictor:
    """Predict ImageNet top-1 (%) from a space's features.

    Attributes:
        source: whose published measurements it was fitted on.
        licence: licence of that source.
        fitted_on: date of the fit, ISO 8601.
        n_train: distinct sub-networks it was fitted on.
        kendall_tau: held-out rank correlation.
        mape_percent: held-out mean absolute percentage error.
        validation: how sub-networks were held out.
    """

    source: str
    licence: str
    fitted_on: str
    n_train: int
    kendall_tau: float
    mape_percent: float
    validation: str

    def predict(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the predicted top-1 in percent of each row of ``features``, (n,)."""
        raise NotImplementedError

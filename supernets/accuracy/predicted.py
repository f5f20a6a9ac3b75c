"""Top-1 predictors that come with a supernet: published coefficients, no data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapModel:
    """A quadratic model of the logarithm of the gap between top-1 and a ceiling.

    Features become scores, ``s = (features - centre) @ directions``; then
    ``top1 = ceiling - exp(-(offset + s[0] + curvature @ s[1:]**2))``: every improvement closes
    the gap by a factor, and improvements interact in pairs.

    Attributes:
        ceiling: top-1 in percent that no sub-network reaches.
        offset: score of the average sub-network.
        curvature: weights of the squared scores, (r,).
        centre: average of each feature, (f,).
        directions: what turns features into scores, (f, 1 + r).
    """

    ceiling: float
    offset: float
    curvature: Floats
    centre: Floats
    directions: Floats

    def predict(self, features: Floats) -> Floats:
        """Return the top-1 in percent of each row of ``features`` (n, f), (n,)."""
        scores = (features - self.centre) @ self.directions
        closed = self.offset + scores[:, 0] + scores[:, 1:] ** 2 @ self.curvature
        gap: Floats = np.exp(-closed)
        return self.ceiling - gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Top1Predictor:
    """A fitted model of ImageNet top-1 and what is known of it.

    Attributes:
        model: predicts from a space's features.
        source: whose published measurements it was fitted on.
        licence: licence of that source.
        fitted_on: date of the fit, ISO 8601.
        n_train: distinct sub-networks it was fitted on.
        kendall_tau: held-out rank correlation.
        mape_percent: held-out mean absolute percentage error.
        validation: how sub-networks were held out, with the seed.
        held_out_runs: by search run of the source, Kendall tau and mean absolute percentage
            error on its sub-networks when fitted on all other runs: a test of extrapolation.
    """

    model: GapModel
    source: str
    licence: str
    fitted_on: str
    n_train: int
    kendall_tau: float
    mape_percent: float
    validation: str
    held_out_runs: Mapping[str, Sequence[float]]

    @classmethod
    def bundled(cls, file: str, feature_names: Sequence[str]) -> Self:
        """Read the predictor in ``file`` beside this module, for features of those names."""
        facts = json.loads(resources.files(__package__).joinpath(file).read_text())
        model = facts.pop("model")
        rows = [model["coefficients"][name].split() for name in feature_names]
        coefficients = np.array(rows, dtype=np.float64)
        gap = GapModel(
            ceiling=model["ceiling"],
            offset=model["offset"],
            curvature=np.array(model["curvature"]),
            centre=coefficients[:, 0],
            directions=coefficients[:, 1:],
        )
        return cls(**facts, model=gap)

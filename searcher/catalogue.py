"""Predictors from the store: training rows, held-out scores, and the recipe that refits them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from latbase.db import queries
from latbase.db.networks import supernet_of
from latbase.db.records import Predictor as PredictorRecord
from latbase.identity import content_id
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.predictors.assessment import FOLDS, held_out_score
from latbase.searcher.predictors.base import Predictor
from latbase.searcher.predictors.fitting import LEAST_ROWS as ROWS_PER_FOLD
from latbase.searcher.predictors.fitting import fit_predictor

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet

LEAST_ROWS = FOLDS * ROWS_PER_FOLD
"""Measured sub-networks below which held-out scores say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What one configuration's predictor learns from.

    Attributes:
        genotypes: int8 (n, p).
        values: float (n,), in the metric's unit.
    """

    network: "Supernet"
    supernet_id: str
    configuration_id: str
    metric: str
    genotypes: Genotypes
    values: Values

    def fit(self, kind: str) -> Predictor:
        """Fit a predictor on every row.

        Raises:
            PredictorError: there are too few rows.
        """
        return fit_predictor(self.network.space.features(self.genotypes), self.values, kind)


def training_data(
    store: "Store",
    network: "Supernet",
    configuration_id: str,
    metric: str = "latency_ms",
    before: datetime | None = None,
) -> TrainingData:
    """Read the newest undisturbed values of ``metric``, of those measured ``before`` if given."""
    supernet_id = supernet_of(network).supernet_id
    rows = queries.measured(store, supernet_id, configuration_id, metric=metric, before=before)
    genotypes = np.array(rows["genotype"].to_pylist(), dtype=np.int8)
    return TrainingData(
        network=network,
        supernet_id=supernet_id,
        configuration_id=configuration_id,
        metric=metric,
        genotypes=genotypes.reshape(-1, network.space.p),
        values=np.array(rows["value"].to_pylist(), dtype=np.float64),
    )


def assess(store: "Store", data: TrainingData, kind: str) -> PredictorRecord:
    """Score a predictor on held-out rows and keep recipe and scores in the store.

    Raises:
        PredictorError: there are too few rows.
    """
    features = data.network.space.features(data.genotypes)
    scored = held_out_score(features, data.values, kind)
    recipe = {"kind": kind, "features": "space", "folds": FOLDS}
    key = {
        "supernet_id": data.supernet_id,
        "configuration_id": data.configuration_id,
        "metric": data.metric,
        "recipe": recipe,
    }
    record = PredictorRecord(
        predictor_id=content_id("predictor", key),
        supernet_id=data.supernet_id,
        configuration_id=data.configuration_id,
        metric=data.metric,
        kind=data.fit(kind).kind,
        recipe=recipe,
        n_train=len(data.values),
        kendall_tau=scored.tau,
        mape_percent=scored.mape_percent,
        fitted_at=datetime.now(UTC),
    )
    store.write([record])
    return record

"""The replay problem: published accuracies and latencies stand in for training and measuring.

Surrogates fitted to ../shared/data answer for every sub-network; searchers see them with the noise
of real validation and measurement, scoring is noise-free. The box goes from (latency of the
largest, top-1 of the smallest sub-network) to (latency of the smallest, 77.6 %).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import latbase.supernets
from latbase.searcher import Objective, pareto
from latbase.searcher.algorithms import Setting
from latbase.searcher.evolution import FastNSGA2
from latbase.searcher.predictors import ridge
from latbase.searcher.predictors.base import Score, score
from latbase.searcher.problem import Problem

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
OBJECTIVES = (Objective("top1", maximize=True), Objective("latency_ms"))
BEST_TOP1 = 77.6
TOP1_NOISE = 0.021
LATENCY_NOISE = 0.01
GENERATIONS = 400
"""Of the search for a near-optimal front, without noise."""
SIDE = 224

Values = npt.NDArray[np.float64]
Genotypes = npt.NDArray[np.int8]
SPACE = latbase.supernets.load("ofa_mbv3_d234_e346_k357_w1.2").space


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One device's search problem.

    Attributes:
        top1: true accuracy of int8 (n, p).
        latency: true latency of int8 (n, p).
        held_out: scores of both surrogates on rows they were not fitted on.
    """

    device: str
    top1: Callable[[Genotypes], Values]
    latency: Callable[[Genotypes], Values]
    held_out: tuple[Score, Score]

    def true(self, genotypes: Genotypes) -> Values:
        """Return top-1 and latency without noise, float (n, 2)."""
        return np.column_stack([self.top1(genotypes), self.latency(genotypes)])

    def noisy(self, genotypes: Genotypes, rng: np.random.Generator) -> Values:
        """Return them as validation and measurement would, float (n, 2)."""
        values = self.true(genotypes)
        values[:, 0] += rng.normal(0.0, TOP1_NOISE, len(values))
        values[:, 1] *= 1.0 + rng.normal(0.0, LATENCY_NOISE, len(values))
        return values

    def hypervolume(self, values: Values) -> float:
        """Return the share of the box that float (n, 2) dominates."""
        smallest, largest = self.true(SPACE.smallest())[0], self.true(SPACE.largest())[0]
        ideal = np.array([-BEST_TOP1, smallest[1]])
        reference = np.array([-smallest[0], largest[1]])
        points = np.column_stack([-values[:, 0], values[:, 1]])
        return pareto.hypervolume((points - ideal) / (reference - ideal), np.ones(2))

    def near_optimal(self, generations: int = GENERATIONS, population: int = 300) -> float:
        """Return the hypervolume of a quarter of a million noise-free evaluations."""
        problem = Problem(space=SPACE, objectives=OBJECTIVES)
        found = []
        for seed in (0, 1):
            ends = [SPACE.smallest(), SPACE.largest()]
            method = FastNSGA2(
                Setting(
                    problem=problem,
                    population=population,
                    initial=np.vstack([*ends, SPACE.sample(population - 2, seed)]),
                    history=None,
                    seed=seed,
                )
            )
            for _ in range(generations):
                genotypes = method.ask()
                method.tell(genotypes, problem.minimised(self.true(genotypes)))
            found.append(self.true(method.population[0]))
        return self.hypervolume(np.vstack(found))


def latency_rows() -> tuple[Genotypes, Values, dict[str, Values]]:
    """Return genotypes, input sides and latencies in ms by device of the HELP rows."""
    table = pq.read_table(DATA / "ofa_mbv3_latency.parquet")
    rows = table.select(["ks", "e", "d"]).to_pylist()
    devices = [name for name in table.column_names if name.endswith("_ms")]
    genotypes = SPACE.canonical(SPACE.from_configs(rows))
    side = np.array(table["r"].to_pylist(), dtype=np.float64)
    return genotypes, side, {name: np.array(table[name].to_pylist()) for name in devices}


def latency_features(genotypes: Genotypes, side: Values) -> Values:
    """Return the space's features, costs scaled by the area, with the side and its square."""
    features = SPACE.features(genotypes)
    macs = [i for i, name in enumerate(SPACE.feature_names) if name.endswith("macs")]
    area = (side / SIDE) ** 2
    features[:, macs] *= area[:, None]
    return np.column_stack([features, side, area])


def top1_rows() -> tuple[Genotypes, Values]:
    """Return genotypes and validated top-1 of the DyNAS-T rows, repeated validations averaged."""
    table = pq.read_table(DATA / "ofa_mbv3_w10_imagenet_top1.parquet")
    rows = table.select(["ks", "e", "d"]).to_pylist()
    genotypes, inverse = np.unique(
        SPACE.canonical(SPACE.from_configs(rows)), axis=0, return_inverse=True
    )
    top1 = np.bincount(inverse.ravel(), weights=np.array(table["top1"].to_pylist()))
    return genotypes, top1 / np.bincount(inverse.ravel())


@cache
def _top1_surrogate() -> tuple[Callable[[Genotypes], Values], Score]:
    """Fit support vectors on one-hot choices: not the model of any searcher."""
    genotypes, top1 = top1_rows()
    choices = [i for i, name in enumerate(SPACE.feature_names) if "=" in name]

    def fit(rows: npt.NDArray[np.intp]) -> Callable[[Genotypes], Values]:
        model = make_pipeline(StandardScaler(), SVR(C=10.0, gamma=0.001, epsilon=0.01))
        centre = float(top1[rows].mean())
        model.fit(SPACE.features(genotypes[rows])[:, choices], top1[rows] - centre)
        return lambda g: model.predict(SPACE.features(g)[:, choices]) + centre

    order = np.random.default_rng(0).permutation(len(top1))
    held_out = order[1000:]
    return fit(order), score(fit(order[:1000])(genotypes[held_out]), top1[held_out])


def replay(device: str) -> Replay:
    """Build the problem of a column of the latency table, e.g. ``v100_64_ms``."""
    genotypes, side, latencies = latency_rows()
    features, latency = latency_features(genotypes, side), latencies[device]
    order = np.random.default_rng(0).permutation(len(latency))
    train, test = order[:4000], order[4000:]
    checked = score(ridge.fit(features[train], latency[train]).mean(features[test]), latency[test])
    model = ridge.fit(features, latency)
    top1, top1_score = _top1_surrogate()
    return Replay(
        device=device,
        top1=top1,
        latency=lambda g: model.mean(latency_features(g, np.full(len(g), float(SIDE)))),
        held_out=(top1_score, checked),
    )

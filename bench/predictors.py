"""Learning curves and transfer of predictors on published measurements.

Run: python bench/predictors.py [transfer] [dissimilar] [curves] [--trials 10] [--kinds ridge …]
[--training 4000].
Every trial draws its training rows; the same 500 (transfer: 1,000) test rows judge all of them
(§5.4 of the paper; its Fig. 3, 13, 15 and Table 3). Top-1 is known of too few sub-networks for 500
and 1,000: its curve ends with what is left.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from replay import SPACE, Genotypes, latency_rows, top1_rows

import latbase.supernets
from latbase.searcher import choose_probes, fit_predictor, predictor_kinds
from latbase.searcher.predictors.assessment import scores_by_size
from latbase.searcher.predictors.base import Predictor
from latbase.supernets import SearchSpace
from latbase.supernets.ofa_supernet import OfaSupernet

PARTS = ("transfer", "dissimilar", "curves")
SIZES = (50, 100, 200, 500, 1000)
TEST_ROWS = 500
PROBES = (10, 20, 50)
TRAINING = 4000
DISSIMILAR = (("v100_64_ms", "_1_ms"), ("titan_rtx_32_ms", "_1_ms"), ("v100_1_ms", "_64_ms"))
"""Targets, and how the columns of the sources end that rank sub-networks almost independently."""

NET = latbase.supernets.load("ofa_mbv3_d234_e346_k357_w1.2")
Values = npt.NDArray[np.float64]


def features_at(genotypes: Genotypes, side: Values) -> Values:
    """Return the space's features with costs exact at each side, and the side as one more choice.

    Feature maps have whole sides: halved five times and rounded up, costs jump where the area
    grows smoothly, and latency with them.
    """
    assert isinstance(NET, OfaSupernet)
    sides = np.unique(side)
    found = SPACE.features(genotypes)
    for each in sides:
        rows = side == each
        there = SearchSpace(SPACE.parameters, costs=NET.cost_tables(int(each)))
        found[rows] = there.features(genotypes[rows])
    return np.column_stack([found, side[:, None] == sides])


def curves(name: str, features: Values, y: Values, *, trials: int, kinds: Sequence[str]) -> None:
    """Print τ and MAPE by kind and training size, means over trials."""
    most = len(y) - TEST_ROWS
    sizes = SIZES if most >= SIZES[-1] else (*(size for size in SIZES if size < most), most)
    print(f"| {name}, {TEST_ROWS} of {len(y)} test | kind | {' | '.join(map(str, sizes))} |")
    for kind in kinds:
        scores = scores_by_size(features, y, kind, sizes, test_rows=TEST_ROWS, trials=trials)
        cells = [f"{tau:.3f} / {mape_percent:.2f} %" for tau, mape_percent in scores.mean(axis=0)]
        print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)


class Transfer:
    """Devices with their rows, and a predictor of each from ``training`` of them."""

    def __init__(
        self, features: Values, latencies: dict[str, Values], trials: int, training: int
    ) -> None:
        order = np.random.default_rng(0).permutation(len(features))
        self._train, self._test = order[:TRAINING], order[TRAINING:]
        self._features, self._latencies, self._trials = features, latencies, trials
        rows = self._train[:training]
        self._own = {name: self._fitted(name, rows, (), "robust") for name in latencies}

    def similar(self) -> None:
        """Print τ and MAPE of a device from few probes and all others, and from its own rows."""
        for device in self._latencies:
            sources = [own for name, own in self._own.items() if name != device]
            cells = [self._cell(device, size, sources) for size in PROBES]
            cells.append(_cell([self._scored(device, self._own[device])]))
            print(f"| {device} | {' | '.join(cells)} |", flush=True)

    def dissimilar(self) -> None:
        """Print the same for sources that know nothing of the device, and for none."""
        for device, ending in DISSIMILAR:
            sources = [own for name, own in self._own.items() if name.endswith(ending)]
            for label, given in (("with", sources), ("without", [])):
                cells = [self._cell(device, size, given) for size in (*PROBES, 200)]
                print(f"| {device} | {label} | {' | '.join(cells)} |", flush=True)

    def _cell(self, device: str, size: int, sources: Sequence[Predictor]) -> str:
        scores = []
        for trial in range(self._trials):
            candidates = np.random.default_rng(trial).choice(self._train, 500, replace=False)
            rows = candidates[choose_probes(self._features[candidates], size, sources)]
            scores.append(self._scored(device, self._fitted(device, rows, sources, "auto")))
        return _cell(scores)

    def _fitted(
        self, device: str, rows: npt.NDArray[np.intp], sources: Sequence[Predictor], kind: str
    ) -> Predictor:
        return fit_predictor(
            self._features[rows], self._latencies[device][rows], kind, sources=sources
        )

    def _scored(self, device: str, predictor: Predictor) -> tuple[float, float]:
        return predictor.score(self._features[self._test], self._latencies[device][self._test])


def _cell(scores: Sequence[tuple[float, float]]) -> str:
    tau, mape_percent = np.mean(scores, axis=0)
    return f"{tau:.3f} / {mape_percent:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them unless said")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", default=predictor_kinds())
    parser.add_argument("--training", type=int, default=TRAINING, help="of every own predictor")
    options = parser.parse_args()
    if not 0 < options.training <= TRAINING:
        parser.error(f"--training {options.training}: expected 1 to {TRAINING} rows")
    parts = options.parts or PARTS
    genotypes, side, latencies = latency_rows()
    features = features_at(genotypes, side)
    if {"transfer", "dissimilar"} & set(parts):
        devices = Transfer(features, latencies, options.trials, options.training)
        if "transfer" in parts:
            devices.similar()
        if "dissimilar" in parts:
            devices.dissimilar()
    if "curves" in parts:
        all_curves(features, latencies, options.trials, options.kinds)


def all_curves(
    features: Values, latencies: dict[str, Values], trials: int, kinds: Sequence[str]
) -> None:
    """Print the learning curves of top-1 and of two devices."""
    genotypes, top1 = top1_rows()
    curves("top1", SPACE.features(genotypes), top1, trials=trials, kinds=kinds)
    for device in ("titan_rtx_32_ms", "v100_1_ms"):
        curves(device, features, latencies[device], trials=trials, kinds=kinds)


if __name__ == "__main__":
    main()

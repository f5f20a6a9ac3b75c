"""Learning curves and transfer of predictors on published measurements.

Run: python bench/predictors.py [--trials 10] [--kinds ridge …]. Every trial draws its training
rows; the same 500 (top-1: 180) test rows judge all of them (§5.4 of the paper; its Fig. 3, 13, 15
and Table 3).
"""

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from replay import SPACE, latency_features, latency_rows, top1_rows

from latbase.searcher import choose_probes, fit_predictor, predictor_kinds

SIZES = (50, 100, 200, 500, 1000)
TRAINING = 4000

Values = npt.NDArray[np.float64]


def curves(
    name: str, features: Values, y: Values, test_rows: int, *, trials: int, kinds: Sequence[str]
) -> None:
    """Print τ and MAPE by kind and training size, means over trials."""
    order = np.random.default_rng(0).permutation(len(y))
    test, pool = order[:test_rows], order[test_rows:]
    for kind in kinds:
        cells = []
        for size in (size for size in SIZES if size <= len(pool)):
            scores = []
            for trial in range(trials):
                rows = np.random.default_rng(trial).permutation(pool)[:size]
                fitted = fit_predictor(features[rows], y[rows], kind)
                scores.append(fitted.score(features[test], y[test]))
            tau, mape_percent = np.mean(scores, axis=0)
            cells.append(f"{tau:.3f} / {mape_percent:.2f} %")
        print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)


def transfer(features: Values, latencies: dict[str, Values], trials: int) -> None:
    """Print τ and MAPE of a new device from ten and fifty probes, against 4,000 own rows."""
    order = np.random.default_rng(0).permutation(len(features))
    train, test = order[:TRAINING], order[TRAINING:]
    own = {d: fit_predictor(features[train], y[train], "ridge") for d, y in latencies.items()}
    for device, y in latencies.items():
        sources = [predictor for name, predictor in own.items() if name != device]
        cells = []
        for size in (10, 50):
            scores = []
            for trial in range(trials):
                candidates = np.random.default_rng(trial).choice(train, 500, replace=False)
                rows = candidates[choose_probes(features[candidates], size, sources)]
                fitted = fit_predictor(features[rows], y[rows], sources=sources)
                scores.append(fitted.score(features[test], y[test]))
            tau, mape_percent = np.mean(scores, axis=0)
            cells.append(f"{tau:.3f} / {mape_percent:.1f} %")
        tau, mape_percent = own[device].score(features[test], y[test])
        print(f"| {device} | {' | '.join(cells)} | {tau:.3f} / {mape_percent:.1f} % |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", default=predictor_kinds())
    options = parser.parse_args()
    genotypes, side, latencies = latency_rows()
    features = latency_features(genotypes, side)
    transfer(features, latencies, options.trials)
    genotypes, top1 = top1_rows()
    curves("top1", SPACE.features(genotypes), top1, 180, trials=options.trials, kinds=options.kinds)
    for device in ("titan_rtx_32_ms", "v100_1_ms"):
        curves(device, features, latencies[device], 500, trials=options.trials, kinds=options.kinds)


if __name__ == "__main__":
    main()

"""The peer beside ours: LINAS of DyNAS-T 1.6.0, its ConcurrentNAS, on the replay problem.

Its encoding, its predictors with their default grids and its evolutionary search run unchanged. Its
loop is written here again, from ``LINAS.search``: the rest of the package needs ImageNet and other
frameworks, so its ``__init__`` files are left out. Install it and pandas aside, without what it
depends on, then run both searches in turn on each device and seed:

    pip install --no-deps --target peer dynast==1.6.0 pandas==2.3.3
    python bench/peer.py --package peer [--evaluations 300] [--seeds 1] [--devices v100_1_ms …]
"""

import argparse
import contextlib
import importlib
import io
import logging
import random
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from replay import SPACE, Genotypes, Replay, Values, replay
from search import MARKS, search

POPULATION = 50
INNER_EVALUATIONS = 20_000
"""Its LINAS_INNERLOOP_EVALS for this supernet."""

PARAMETERS = {
    "ks": {"count": 20, "vars": [3, 5, 7]},
    "e": {"count": 20, "vars": [3, 4, 6]},
    "d": {"count": 5, "vars": [2, 3, 4]},
}
"""The space as its registry describes it, in the order of our genotypes."""


class Peer:
    """The three modules of the package that do the work.

    Args:
        package: folder that holds ``dynast``.
    """

    def __init__(self, package: Path) -> None:
        if not (package / "dynast").is_dir():
            raise SystemExit(f"There is no dynast in {package}; see the head of this file.")
        sys.path.append(str(package))
        for name in ("dynast", "dynast.search", "dynast.predictors", "dynast.utils"):
            module: Any = types.ModuleType(name)
            module.__path__ = [str(package / name.replace(".", "/"))]
            module.log = logging.getLogger("dynast")
            sys.modules[name] = module
        self.predictor: Any = importlib.import_module("dynast.predictors.dynamic_predictor")
        self.evolutionary: Any = importlib.import_module("dynast.search.evolutionary")
        self.encoding: Any = importlib.import_module("dynast.search.encoding")


class Interface:
    """Predicts one sub-network at a time, as its evaluation interfaces do."""

    def __init__(self, encoding: Any, top1: Any, latency: Any) -> None:
        self._encoding, self._top1, self._latency = encoding, top1, latency

    def eval_subnet(self, vector: Sequence[int]) -> tuple[None, float, float]:
        """Return a pymoo individual's outcome as its problem class takes it, to be minimised."""
        row = self._encoding.onehot_generic(vector).reshape(1, -1)
        return None, -self._top1.predict(row)[0], self._latency.predict(row)[0]


def linas(peer: Peer, problem: Replay, seed: int, evaluations: int) -> tuple[Genotypes, float]:
    """Return what its search evaluates, int8 (n, p), and its CPU seconds per evaluation."""
    rng = np.random.default_rng(1000 + seed)
    encoding = peer.encoding.EncodingBase(param_dict=PARAMETERS, seed=seed)
    random.seed(seed)
    population: Any = [encoding.random_sample() for _ in range(POPULATION)]
    genotypes, values, spent = [], [], 0.0
    for _ in range(round(evaluations / POPULATION)):
        genotypes.append(np.array(population, dtype=np.int8))
        values.append(problem.noisy(SPACE.canonical(genotypes[-1]), rng))
        before = cpu_seconds()
        population = _propose(peer, encoding, np.vstack(genotypes), np.vstack(values), seed)
        spent += cpu_seconds() - before
    found = np.vstack(genotypes)
    return SPACE.canonical(found), spent / len(found)


def _propose(peer: Peer, encoding: Any, genotypes: Genotypes, values: Values, seed: int) -> Any:
    rows = np.unique(genotypes, axis=0, return_index=True)[1]  # its import drops repeated rows
    features = np.array([encoding.onehot_generic(g) for g in genotypes[np.sort(rows)]])
    predictors = [peer.predictor.Predictor(), peer.predictor.Predictor()]
    for predictor, column in zip(predictors, values[np.sort(rows)].T, strict=True):
        predictor.train(features, column)
    problem = peer.evolutionary.EvolutionaryMultiObjective(
        evaluation_interface=Interface(encoding, *predictors),
        param_count=encoding.param_count,
        param_upperbound=encoding.param_upperbound,
    )
    manager = peer.evolutionary.EvolutionaryManager(algorithm="nsga2", seed=seed, n_obj=2)
    manager.configure_nsga2(population=POPULATION, num_evals=INNER_EVALUATIONS)
    with contextlib.redirect_stdout(io.StringIO()):
        return manager.run_search(problem).pop.get("X")


def cpu_seconds() -> float:
    """Return the CPU time of this process and its workers."""
    me = psutil.Process()
    times = [each.cpu_times() for each in (me, *me.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def ours(problem: Replay, seed: int, evaluations: int) -> tuple[Genotypes, float]:
    """Return what our default tactic evaluates, and its CPU seconds per evaluation."""
    found, spent = search(problem, "auto", seed, evaluations, None)
    return found.evaluations[0][:evaluations], spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--devices", nargs="+", default=["v100_1_ms", "v100_64_ms"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    peer = Peer(options.package)
    marks = [mark for mark in MARKS if mark <= options.evaluations]
    searches: dict[str, Callable[[Replay, int, int], tuple[Genotypes, float]]] = {
        "DyNAS-T 1.6.0, LINAS": lambda *given: linas(peer, *given),
        "latbase, auto": ours,
    }
    print(f"| device | search | {' | '.join(map(str, marks))} | CPU s per evaluation |")
    print("|---|---|" + "---|" * (len(marks) + 1))
    for device in options.devices:
        problem = replay(device)
        optimum = problem.near_optimal()
        for name, run in searches.items():
            shares, spent = [], []
            for seed in range(options.seeds):
                genotypes, seconds = run(problem, seed, options.evaluations)
                true = problem.true(genotypes)
                shares.append([100 * problem.hypervolume(true[:m]) / optimum for m in marks])
                spent.append(seconds)
            cells = " | ".join(f"{share:.1f}" for share in np.mean(shares, axis=0))
            print(f"| {device} | {name} | {cells} | {np.mean(spent):.3f} |", flush=True)


if __name__ == "__main__":
    main()

"""What each part of the default tactic brings: the same search with one part taken out.

And what is left to gain: the same search where objectives need not be learned.

Run: python bench/ablation.py [--seeds 5] [--evaluations 300] [--devices v100_1_ms …]
[--parts "no exploring" …]. Prints the table of docs/searching.md.
"""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from replay import GENERATIONS, OBJECTIVES, SPACE, Replay, replay
from search import curve

from latbase.searcher import Knowledge, Search
from latbase.searcher.predictors import warped
from latbase.searcher.representation import Representation
from latbase.searcher.tactics import auto
from latbase.supernets import SearchSpace

DEVICES = ("v100_1_ms", "titan_rtx_32_ms")
MARKS = (50, 100, 300)

Genotypes = npt.NDArray[np.int8]


def drawn(space: object, size: int, draws: np.random.Generator) -> Genotypes:
    """Return random sub-networks in the place of graded ones."""
    assert space is SPACE
    return SPACE.sample(size, int(draws.integers(2**31)))


def first(_candidates: object, _evaluated: object, size: int) -> npt.NDArray[np.intp]:
    """Take the first candidates in the place of those that add most hypervolume."""
    return np.arange(size)


def no_doubts(*_arguments: object) -> list[npt.NDArray[np.float64]]:
    """Leave the tactic nothing to explore by."""
    return []


class Single(Representation):
    """Sees only which values were chosen, as one group."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self.groups = self.groups[:1]

    def __call__(self, genotypes: Genotypes) -> npt.NDArray[np.float64]:
        """Return float (n, f)."""
        return super().__call__(genotypes)[:, self.groups[0]]


EXACT = {
    "top-1 known exactly": ("top1",),
    "latency known exactly": ("latency_ms",),
    "both known exactly": ("top1", "latency_ms"),
}
"""Objectives that need no model: what the search would reach if its models made no errors."""

PARTS: dict[str, tuple[Callable[[], AbstractContextManager[object]], dict[str, Any]]] = {
    "all of it": (nullcontext, {}),
    "batches of 50": (nullcontext, {"population": 50}),
    "no exploring": (lambda: patch.object(auto.Auto, "_doubts", no_doubts), {}),
    "no sums or costs": (lambda: patch.object(auto, "Representation", Single), {}),
    "a near limit of the warping": (lambda: patch.object(warped, "HEADROOM", 0.3), {}),
    "a random start": (lambda: patch.object(auto, "graded", drawn), {}),
    "the first of the front as a batch": (lambda: patch.object(auto, "greedy_batch", first), {}),
    "ridge for the processes": (nullcontext, {"predictor": "ridge"}),
    **{name: (nullcontext, {"exact": exact}) for name, exact in EXACT.items()},
}


def run(problem: Replay, seed: int, evaluations: int, options: dict[str, Any]) -> Search:
    """Search once."""
    draws = np.random.default_rng(1000 + seed)
    exact = {"top1": problem.top1, "latency_ms": problem.latency}
    knowledge = Knowledge(exact={name: exact[name] for name in options.get("exact", ())})
    search = Search(
        SPACE,
        OBJECTIVES,
        "auto",
        seed,
        knowledge=knowledge,
        population=options.get("population"),
        predictor=options.get("predictor"),
    )
    while len(search.evaluations[0]) < evaluations:
        asked = search.ask()
        search.tell(asked, problem.noisy(asked, draws))
    return search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=max(MARKS))
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--devices", nargs="+", default=DEVICES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    options = parser.parse_args()
    evaluations = options.evaluations
    problems = [replay(device) for device in options.devices]
    optima = [problem.near_optimal(options.generations) for problem in problems]
    for name in options.parts:
        changed, chosen = PARTS[name]
        curves = []
        with changed():
            for problem, optimum in zip(problems, optima, strict=True):
                for seed in range(options.seeds):
                    found = run(problem, seed, evaluations, chosen)
                    curves.append(curve(problem, found, optimum, evaluations))
        marks = [mark for mark in MARKS if mark <= evaluations]
        reached = [f"{np.mean(curves, axis=0)[mark // 10 - 1]:.1f}" for mark in marks]
        print(f"| {name} | {' | '.join(reached)} |", flush=True)


if __name__ == "__main__":
    main()

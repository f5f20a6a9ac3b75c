"""Every tactic and baseline on the replay problem: hypervolume by evaluations, and own time.

Run: python bench/search.py [--seeds 5] [--evaluations 300] [--devices v100_1_ms …]
Draws docs/figures/search_hypervolume.png (--picture) and prints the table of docs/benchmarks.md.
The informed store needs a second device to know of.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from replay import GENERATIONS, OBJECTIVES, SPACE, Replay, replay

from latbase.searcher import Knowledge, Known, Search, fit_predictor

DEVICES = ("v100_1_ms", "titan_rtx_32_ms", "2080ti_32_ms", "v100_64_ms")
TACTICS = (
    "auto",
    "concurrent",
    "predictors_first",
    "weaknas",
    "lanas",
    "seminas",
    "full",
    "random",
)
MARKS = (50, 100, 200, 300)
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "search_hypervolume.png"

Curve = npt.NDArray[np.float64]


def search(
    problem: Replay, tactic: str, seed: int, evaluations: int, knowledge: Knowledge | None
) -> tuple[Search, float]:
    """Run one search; return it and the CPU seconds the searcher spent per evaluation."""
    rng = np.random.default_rng(1000 + seed)
    found = Search(SPACE, OBJECTIVES, tactic, seed, knowledge=knowledge)
    spent = 0.0
    while len(found.evaluations[0]) < evaluations:
        before = time.process_time()
        asked = found.ask()
        spent += time.process_time() - before
        found.tell(asked, problem.noisy(asked, rng))
    return found, spent / len(found.evaluations[0])


def curve(problem: Replay, found: Search, optimum: float, evaluations: int) -> Curve:
    """Return percent of the near-optimal hypervolume after every ten evaluations."""
    true = problem.true(found.evaluations[0])
    marks = range(10, evaluations + 1, 10)
    return np.array([100.0 * problem.hypervolume(true[:mark]) / optimum for mark in marks])


def informed(searches: dict[str, Search], device: str) -> Knowledge:
    """Return what searches on the other devices have left behind."""
    others = [found for name, found in searches.items() if name != device]
    genotypes, first = np.unique(
        np.vstack([found.evaluations[0] for found in others]), axis=0, return_index=True
    )
    top1 = np.concatenate([found.evaluations[1][:, 0] for found in others])[first]
    sources = [
        fit_predictor(SPACE.features(found.evaluations[0]), found.evaluations[1][:, 1], "gp")
        for found in others
    ]
    return Knowledge(
        known={"top1": Known(genotypes=genotypes, values=top1)},
        sources={"latency_ms": sources},
        fronts=[found.front()[0] for found in others],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--devices", nargs="+", default=DEVICES)
    parser.add_argument("--tactics", nargs="+", default=TACTICS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    problems = {device: replay(device) for device in options.devices}
    for device, problem in problems.items():
        print(device, "held out: top-1 {}, latency {}".format(*problem.held_out))
    optima = {
        device: problem.near_optimal(options.generations) for device, problem in problems.items()
    }
    prior = {d: search(p, "auto", 99, 150, None)[0] for d, p in problems.items()}
    curves: dict[str, Curve] = {}
    known = ("auto, informed store",) if len(problems) > 1 else ()
    for tactic in (*options.tactics, *known):
        runs, seconds = [], []
        for device, problem in problems.items():
            informed_by = informed(prior, device) if "," in tactic else None
            for seed in range(options.seeds):
                found, spent = search(
                    problem, tactic.split(",")[0], seed, options.evaluations, informed_by
                )
                runs.append(curve(problem, found, optima[device], options.evaluations))
                seconds.append(spent)
        curves[tactic] = np.array(runs)
        marks = [mark for mark in MARKS if mark <= options.evaluations]
        reached = " ".join(f"{curves[tactic][:, mark // 10 - 1].mean():6.2f}" for mark in marks)
        print(f"| {tactic:22} | {reached} | {1000 * np.mean(seconds):6.2f} ms |", flush=True)
    draw(curves, options.picture)


def draw(curves: dict[str, Curve], picture: Path) -> None:
    """Draw mean and range over devices and seeds."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for tactic, runs in curves.items():
        evaluations = 10 * (1 + np.arange(runs.shape[1]))
        axes.plot(evaluations, runs.mean(axis=0), label=tactic)
        axes.fill_between(evaluations, runs.min(axis=0), runs.max(axis=0), alpha=0.08)
    axes.set(xlabel="evaluations", ylabel="% of near-optimal hypervolume", ylim=(60, 100.5))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right")
    figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    main()

"""How many predicted sub-networks a second the search inside a search evaluates, on one core.

Run: python bench/inner.py [--rounds 9] [--populations 100 200 300].
A figure is the best of several short turns by CPU time: what one core does on a shared machine. A
fixed loop is timed beside each: where it takes as long, two runs compare.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from replay import OBJECTIVES, SPACE, replay

from latbase.searcher import fit_predictor
from latbase.searcher.algorithms import Setting
from latbase.searcher.inner import Predicted, inner_search
from latbase.searcher.models import ObjectiveModel
from latbase.searcher.problem import Problem
from latbase.searcher.representation import Representation
from latbase.searcher.threads import one_thread

TRAINING = 200
GENERATIONS = 30
PROBLEM = Problem(space=SPACE, objectives=OBJECTIVES)


def models() -> dict[str, Predicted]:
    """Return what predicts both objectives: ridge, and the models of the default tactic."""
    genotypes, represent = SPACE.sample(TRAINING, 0), Representation(SPACE)
    values = replay("v100_64_ms").noisy(genotypes, np.random.default_rng(0))
    columns = {objective.name: values[:, i] for i, objective in enumerate(OBJECTIVES)}
    features, levels = SPACE.features(genotypes), represent(genotypes)
    ridge = {name: fit_predictor(features, y, "ridge").model for name, y in columns.items()}
    own = {
        name: ObjectiveModel(PROBLEM, name, represent).fit(levels, y) for name, y in columns.items()
    }
    return {
        "ridge": Predicted(PROBLEM, ridge, SPACE.features),
        "Gaussian processes of auto": Predicted(PROBLEM, own, represent),
    }


def best_s(run: Callable[[], object], rounds: int) -> float:
    """Return the least CPU seconds of some runs."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return min(spent)


def fixed() -> None:
    """Work that never changes: sorting and adding, compiled and interpreted."""
    for _ in range(300):
        np.sort(np.arange(10_000.0)[::-1])
        sum(range(1000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 200, 300])
    options = parser.parse_args()
    print("| models | population | sub-networks a second | fixed loop |")
    with one_thread():
        for name, predicted in models().items():
            for population in options.populations:
                setting = Setting(
                    problem=PROBLEM,
                    population=population,
                    initial=SPACE.sample(population, 1),
                    history=None,
                    seed=0,
                )

                def search(setting: Setting = setting, predicted: Predicted = predicted) -> int:
                    return len(inner_search(predicted, "nsga2", setting, GENERATIONS)[0])

                rate = search() / best_s(search, options.rounds)
                loop_ms = 1000 * best_s(fixed, options.rounds)
                print(f"| {name} | {population} | {rate:,.0f} | {loop_ms:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()

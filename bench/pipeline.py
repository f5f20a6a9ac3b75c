"""The Fashion-MNIST example from end to end: validated top-1, latency measured here.

python bench/pipeline.py [--seeds 5] [--evaluations 40] [--store FILE]

Needs Debian's package dataset-fashion-mnist. All searches share one store, so that no
sub-network is validated twice, nor measured twice on a configuration. Draws
docs/figures/pipeline_hypervolume.png and prints the tables of docs/fashion-mnist.md.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from latbase import db, settings, supernets
from latbase.cli.arguments import Measuring
from latbase.cli.here import Here
from latbase.db.networks import subnets_of, supernet_of
from latbase.searcher import Knowledge, Objective, Search
from latbase.searcher.evaluation import Evaluator, Measured
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.pareto import hypervolume
from latbase.searcher.popdb import constrain
from latbase.searcher.validation import appraised

ROOT = Path(__file__).resolve().parents[1]
NETWORK = f"{ROOT}/examples/fashion_mnist/supernet.py:Fashion"
PICTURE = ROOT / "docs" / "figures" / "pipeline_hypervolume.png"
TEST_IMAGES = 10_000
RANDOM = 100
OBJECTIVES = (Objective("top1", maximize=True), Objective("latency_ms"))

POPULATION = 10
CLUSTER, DENSE = 15, 3
"""PopDB's smallest cluster and neighbours of a dense point, for histories of 40 sub-networks: the
defaults are for hundreds."""

Values = npt.NDArray[np.float64]
Runs = dict[tuple[int, str], list[Values]]
"""What was evaluated, float (n, 2) for each seed, by threads and the way of searching."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    spread()
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "pipeline.duckdb"
        with db.connect(store) as opened:
            runs = searches(opened, options.seeds, options.evaluations)
    report(runs)


def spread() -> None:
    """Print how far the top-1 of random sub-networks spreads beside its sampling error."""
    net = supernets.load(NETWORK)
    appraiser, space = net.appraisers["top1"], net.space
    drawn = space.to_configs(space.sample(RANDOM, seed=0))
    top1 = np.array([appraiser(config) for config in drawn])
    error = np.sqrt(top1 * (100 - top1) / TEST_IMAGES).mean()
    print(f"{RANDOM} random: top-1 {top1.mean():.2f} on average, {top1.min()} to {top1.max()}")
    print(f"spread {top1.std(ddof=1):.2f}, sampling error {error:.2f}", end="; ")
    print(f"{top1.std(ddof=1) / error:.1f} times", flush=True)


def searches(store: db.Store, seeds: int, evaluations: int) -> Runs:
    """Search every way from every seed."""
    here = Here.of(settings.load(), store, NETWORK, Measuring(device="cpu", preset="quick"))
    space = here.network.space
    runs: Runs = defaultdict(list)
    evaluators = {threads: evaluator(here, threads) for threads in (1, 2)}
    for seed in range(seeds):

        def run(
            threads: int,
            name: str,
            tactic: str = "concurrent",
            *,
            space: supernets.SearchSpace = space,
            fronts: Sequence[Genotypes] = (),
            seed: int = seed,
        ) -> Search:
            knowledge = Knowledge(fronts=fronts)
            search = Search(
                space, OBJECTIVES, tactic, seed, population=POPULATION, knowledge=knowledge
            )
            while len(search.evaluations[0]) < evaluations:
                asked = search.ask()
                search.tell(asked, evaluators[threads](asked))
            runs[threads, name].append(search.evaluations[1])
            found = search.front()[1]
            print(
                f"# seed {seed}, threads {threads}, {name}: {len(found)} on the front", flush=True
            )
            return search

        run(1, "NSGA-II", "full")
        first = run(1, "ConcurrentNAS")
        run(2, "ConcurrentNAS")
        run(2, "warm start", fronts=[first.front()[0]])
        reduced = constrain(
            space,
            first.evaluations[0],
            min_cluster_size=CLUSTER,
            min_samples=DENSE,
        )
        print(f"# PopDB keeps {reduced.space.size:.3g} of {space.size:.3g}", flush=True)
        run(2, "PopDB", space=reduced.space)
    return runs


def evaluator(here: Here, threads: int) -> Evaluator:
    """Return what validates top-1 and measures latency where the store lacks them."""
    configuration = here.configuration(threads, batch_size=1)

    def measure(genotypes: Genotypes) -> None:
        here.profile(genotypes, configuration, lambda _done: None)

    measured = Measured(
        store=here.store,
        supernet_id=supernet_of(here.network).supernet_id,
        configuration_id=configuration.configuration_id,
        metric="latency_ms",
        subnet_ids=lambda g: [subnet.subnet_id for subnet in subnets_of(here.network, g)],
        measure=measure,
    )
    return Evaluator([appraised(here.store, here.network, OBJECTIVES)["top1"], measured])


def report(runs: Runs) -> None:
    """Print and draw the share of the reachable box by evaluations, for each configuration."""
    curves = {}
    for threads in (1, 2):
        here = {name: values for (t, name), values in runs.items() if t == threads}
        share = scale([values for found in here.values() for values in found])
        for name, found in here.items():
            shortest = min(map(len, found))  # the last batch of some goes beyond what was asked
            curves[threads, name] = np.array(
                [[share(values[:n]) for n in range(1, shortest + 1)] for values in found]
            )
    for (threads, name), curve in curves.items():
        marks = [mark for mark in (10, 20, 30, 40) if mark <= curve.shape[1]]
        reached = " | ".join(f"{curve[:, mark - 1].mean():.1f}" for mark in marks)
        last = ", ".join(f"{value:.1f}" for value in curve[:, -1])
        print(f"| {threads} | {name} | {reached} | {last} |", flush=True)
    draw(curves)


def scale(found: list[Values]) -> Callable[[Values], float]:
    """Return what gives the percentage that values dominate of the front of all of ``found``.

    The reference point is the worst value of each objective.
    """
    points = np.vstack(found) * (-1, 1)
    points = points[~np.isnan(points).any(axis=1)]
    reference = points.max(axis=0)
    whole = hypervolume(points, reference)

    def share(values: Values) -> float:
        own = values[~np.isnan(values).any(axis=1)] * (-1, 1)
        return 100 * hypervolume(own, reference) / whole

    return share


def draw(curves: dict[tuple[int, str], Values]) -> None:
    """Draw mean and range over the seeds, a panel for each number of threads."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, threads in zip(figure.subplots(1, 2, sharey=True), (1, 2), strict=True):
        for (t, name), runs in curves.items():
            if t == threads:
                evaluations = 1 + np.arange(runs.shape[1])
                axes.plot(evaluations, runs.mean(axis=0), label=name)
                axes.fill_between(evaluations, runs.min(axis=0), runs.max(axis=0), alpha=0.12)
        axes.set(
            title=f"{threads} thread{'s' * (threads > 1)}", xlabel="evaluations", ylim=(40, 101)
        )
        axes.grid(alpha=0.25)
        axes.legend(loc="lower right")
    figure.supylabel("% of the hypervolume of all searches")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()

"""An example from end to end: validated accuracy, latency measured here.

python bench/pipeline.py [fashion_mnist|translation] [--seeds 5] [--evaluations 40] [--store FILE]

Fashion-MNIST needs Debian's package dataset-fashion-mnist. All searches share one store, so that no
sub-network is validated twice, nor measured twice on a configuration. Draws the hypervolume curves
in docs/figures and prints the tables of docs/fashion-mnist.md or docs/translation.md.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
TEST_IMAGES = 10_000
RANDOM = 100


@dataclass(frozen=True, kw_only=True)
class Place:
    """A configuration, as far as examples differ in it."""

    threads: int = 1
    batch_size: int = 1

    def __str__(self) -> str:
        """Say both in words."""
        return f"{self.threads} thread{'s' * (self.threads > 1)}, batch size {self.batch_size}"


@dataclass(frozen=True, kw_only=True)
class Example:
    """What is searched, for which accuracy, first and then on which configuration."""

    supernet: str
    accuracy: str
    first: Place = Place()
    then: Place
    picture: str

    @property
    def objectives(self) -> tuple[Objective, Objective]:
        """Return the accuracy and the latency."""
        return Objective(self.accuracy, maximize=True), Objective("latency_ms")


EXAMPLES = {
    "fashion_mnist": Example(
        supernet=f"{ROOT}/examples/fashion_mnist/supernet.py:Fashion",
        accuracy="top1",
        then=Place(threads=2),
        picture="pipeline_hypervolume.png",
    ),
    "translation": Example(
        supernet=f"{ROOT}/examples/translation/supernet.py:Numbers",
        accuracy="bleu",
        then=Place(batch_size=8),
        picture="translation_hypervolume.png",
    ),
}

POPULATION = 10
CLUSTER, DENSE = 15, 3
"""PopDB's smallest cluster and neighbours of a dense point, for histories of 40 sub-networks: the
defaults are for hundreds."""

Values = npt.NDArray[np.float64]
Runs = dict[tuple[Place, str], list[Values]]
"""What was evaluated, float (n, 2) for each seed, by configuration and the way of searching."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", nargs="?", choices=EXAMPLES, default="fashion_mnist")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    example = EXAMPLES[options.example]
    if example.accuracy == "top1":  # BLEU's sampling error: examples/translation/spread.py
        spread(example)
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "pipeline.duckdb"
        with db.connect(store) as opened:
            runs = searches(example, opened, options.seeds, options.evaluations)
    report(example, runs)


def spread(example: Example) -> None:
    """Print how far the top-1 of random sub-networks spreads beside its sampling error."""
    net = supernets.load(example.supernet)
    appraiser, space = net.appraisers["top1"], net.space
    drawn = space.to_configs(space.sample(RANDOM, seed=0))
    top1 = np.array([appraiser(config) for config in drawn])
    error = np.sqrt(top1 * (100 - top1) / TEST_IMAGES).mean()
    print(f"{RANDOM} random: top-1 {top1.mean():.2f} on average, {top1.min()} to {top1.max()}")
    print(f"spread {top1.std(ddof=1):.2f}, sampling error {error:.2f}", end="; ")
    print(f"{top1.std(ddof=1) / error:.1f} times", flush=True)


def searches(example: Example, store: db.Store, seeds: int, evaluations: int) -> Runs:
    """Search every way from every seed."""
    measuring = Measuring(device="cpu", preset="quick")
    here = Here.of(settings.load(), store, example.supernet, measuring)
    space = here.network.space
    runs: Runs = defaultdict(list)
    evaluators = {place: evaluator(here, example, place) for place in (example.first, example.then)}
    for seed in range(seeds):

        def run(
            place: Place,
            name: str,
            tactic: str = "concurrent",
            *,
            space: supernets.SearchSpace = space,
            fronts: Sequence[Genotypes] = (),
            seed: int = seed,
        ) -> Search:
            knowledge = Knowledge(fronts=fronts)
            search = Search(
                space, example.objectives, tactic, seed, population=POPULATION, knowledge=knowledge
            )
            while len(search.evaluations[0]) < evaluations:
                asked = search.ask()
                search.tell(asked, evaluators[place](asked))
            runs[place, name].append(search.evaluations[1])
            found = search.front()[1]
            print(f"# seed {seed}, {place}, {name}: {len(found)} on the front", flush=True)
            return search

        run(example.first, "NSGA-II", "full")
        first = run(example.first, "ConcurrentNAS")
        run(example.then, "ConcurrentNAS")
        run(example.then, "warm start", fronts=[first.front()[0]])
        reduced = constrain(
            space,
            first.evaluations[0],
            min_cluster_size=CLUSTER,
            min_samples=DENSE,
        )
        print(f"# PopDB keeps {reduced.space.size:.3g} of {space.size:.3g}", flush=True)
        run(example.then, "PopDB", space=reduced.space)
    return runs


def evaluator(here: Here, example: Example, place: Place) -> Evaluator:
    """Return what validates accuracy and measures latency where the store lacks them."""
    configuration = here.configuration(place.threads, place.batch_size)

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
    validated = appraised(here.store, here.network, example.objectives)[example.accuracy]
    return Evaluator([validated, measured])


def report(example: Example, runs: Runs) -> None:
    """Print and draw the share of the reachable box by evaluations, for each configuration."""
    curves = {}
    for place in (example.first, example.then):
        here = {name: values for (where, name), values in runs.items() if where == place}
        share = scale([values for found in here.values() for values in found])
        for name, found in here.items():
            shortest = min(map(len, found))  # the last batch of some goes beyond what was asked
            curves[place, name] = np.array(
                [[share(values[:n]) for n in range(1, shortest + 1)] for values in found]
            )
    for (place, name), curve in curves.items():
        marks = [mark for mark in (10, 20, 30, 40) if mark <= curve.shape[1]]
        reached = " | ".join(f"{curve[:, mark - 1].mean():.1f}" for mark in marks)
        last = ", ".join(f"{value:.1f}" for value in curve[:, -1])
        print(f"| {place} | {name} | {reached} | {last} |", flush=True)
    draw(example, curves)


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


def draw(example: Example, curves: dict[tuple[Place, str], Values]) -> None:
    """Draw mean and range over the seeds, a panel for each configuration."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    places = (example.first, example.then)
    for axes, place in zip(figure.subplots(1, 2, sharey=True), places, strict=True):
        for (where, name), runs in curves.items():
            if where == place:
                evaluations = 1 + np.arange(runs.shape[1])
                axes.plot(evaluations, runs.mean(axis=0), label=name)
                axes.fill_between(evaluations, runs.min(axis=0), runs.max(axis=0), alpha=0.12)
        axes.set(title=str(place), xlabel="evaluations", ylim=(40, 101))
        axes.grid(alpha=0.25)
        axes.legend(loc="lower right")
    figure.supylabel("% of the hypervolume of all searches")
    figure.savefig(ROOT / "docs" / "figures" / example.picture, dpi=130)


if __name__ == "__main__":
    main()

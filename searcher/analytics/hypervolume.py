"""Hypervolume against evaluations, over seeds (Fig. 10 and 12 of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.searcher import pareto
from latbase.searcher.analytics import figures
from latbase.searcher.objectives import Minimised, minimised
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = npt.NDArray[np.float64]

PLANE = 2
"""A hypervolume needs at least two objectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What hypervolumes are a share of: the box between the best and the worst of each objective.

    Attributes:
        best: float (m,), minimised.
        worst: float (m,), the reference point.
    """

    best: Values
    worst: Values

    @classmethod
    def around(cls, outcomes: Sequence[Minimised]) -> "Box":
        """Return the box that all feasible points span.

        Raises:
            InvalidInputError: they span none.
        """
        points = np.vstack([each.points[each.feasible] for each in outcomes])
        flat = not len(points) or bool((points.min(axis=0) == points.max(axis=0)).any())
        if flat or points.shape[1] < PLANE:
            raise InvalidInputError(
                f"{len(points)} feasible evaluations of {points.shape[1]} objectives span no box; "
                "a hypervolume needs two objectives and evaluations that differ in each."
            )
        return cls(best=points.min(axis=0), worst=points.max(axis=0))

    def percent(self, points: Values) -> float:
        """Return the share of the box that ``points``, float (n, m), dominate."""
        return 100.0 * pareto.hypervolume(self._scaled(points), np.ones(len(self.best)))

    def curve(self, outcome: Minimised) -> Values:
        """Return the share after each evaluation, in percent, float (n,)."""
        points, limit = self._scaled(outcome.points), np.ones(len(self.best))
        front, volume = np.empty((0, len(limit))), 0.0
        found = np.empty(len(points))
        for row in range(len(points)):
            if outcome.feasible[row]:
                gain = float(pareto.improvements(points[row : row + 1], front, limit)[0])
                if gain > 0:
                    front = np.vstack([front, points[row : row + 1]])
                    front = front[pareto.non_dominated(front)]
                    volume += gain
            found[row] = 100.0 * volume
        return found

    def _scaled(self, points: Values) -> Values:
        return (points - self.best) / (self.worst - self.best)


STANDINGS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Evaluations after which a growth is told in numbers, besides its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Hypervolume after some evaluations, in percent of the box: mean and deviation over seeds."""

    searches: str
    seeds: int
    evaluations: int
    mean_percent: float
    deviation_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Searches that differ only in their seed.

    Attributes:
        label: what they have in common.
        seeds: how many there are.
        mean: float (n,), percent of the box after each evaluation; n is that of the shortest.
        deviation: float (n,), over the seeds; 0 with one.
    """

    label: str
    seeds: int
    mean: Values
    deviation: Values

    def standings(self) -> list[Standing]:
        """Return the growth in a few numbers."""
        last = len(self.mean)
        return [
            Standing(
                searches=self.label,
                seeds=self.seeds,
                evaluations=count,
                mean_percent=float(self.mean[count - 1]),
                deviation_percent=float(self.deviation[count - 1]),
            )
            for count in (*(count for count in STANDINGS if count < last), last)
        ]


def growths(searches: Sequence[Results]) -> list[Growth]:
    """Return how the hypervolume grew, per tactic; one box holds all of one configuration.

    Raises:
        InvalidInputError: the searches have different objectives, span no box, or two differ in
            nothing.
    """
    same_objectives(searches)
    outcomes: dict[str | None, list[tuple[str, Minimised]]] = {}
    for search, label in zip(searches, _labels(searches), strict=True):
        outcome = minimised(search.objectives, search.values)
        outcomes.setdefault(search.record.configuration_id, []).append((label, outcome))
    groups: dict[str, list[Values]] = {}
    for labelled in outcomes.values():
        box = Box.around([outcome for _, outcome in labelled])
        for label, outcome in labelled:
            groups.setdefault(label, []).append(box.curve(outcome))
    found = []
    for label, curves in groups.items():
        shortest = min(len(curve) for curve in curves)
        stacked = np.array([curve[:shortest] for curve in curves])
        found.append(
            Growth(
                label=label,
                seeds=len(curves),
                mean=stacked.mean(axis=0),
                deviation=stacked.std(axis=0),
            )
        )
    return found


def same_objectives(searches: Sequence[Results]) -> None:
    """Return if the searches optimise the same.

    Raises:
        InvalidInputError: they do not.
    """
    asked = {
        tuple((each.name, each.maximize) for each in search.objectives if each.optimize)
        for search in searches
    }
    if len(asked) > 1:
        found = "; ".join(", ".join(name for name, _ in names) for names in sorted(asked))
        raise InvalidInputError(
            f"The searches optimise different things ({found}); compare those that optimise the "
            "same, in the same order."
        )


def draw(found: Sequence[Growth]) -> "Figure":
    """Draw the means as lines and the deviations as bands."""
    figure, (axes,) = figures.blank()
    for position, growth in enumerate(found):
        color, marker = figures.style(position)
        count = np.arange(1, len(growth.mean) + 1)
        axes.plot(
            count,
            growth.mean,
            color=color,
            marker=marker,
            markevery=max(1, len(count) // 10),
            label=f"{growth.label} ({growth.seeds} seed{'s' if growth.seeds > 1 else ''})",
        )
        low, high = growth.mean - growth.deviation, growth.mean + growth.deviation
        axes.fill_between(count, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set(
        xlabel="evaluations",
        ylabel="hypervolume (% of the box)",
        title="Hypervolume against evaluations: mean and standard deviation over seeds",
    )
    axes.legend(loc="lower right")
    return figure


SETTINGS = ("algorithm", "predictor", "warm_start", "popdb")
"""Options of a search that make it another one, whatever its seed."""


def _labels(searches: Sequence[Results]) -> list[str]:
    """Name what each search has in common with those that differ in their seed only."""
    asked = [search.record.options for search in searches]
    told = [name for name in SETTINGS if len({str(options.get(name)) for options in asked}) > 1]
    labels: list[str] = []
    seen: set[tuple[str, int]] = set()
    for search in searches:
        record = search.record
        place = [record.configuration_id[:8]] if record.configuration_id else []
        settings = [f"{name} {record.options.get(name) or 'by default'}" for name in told]
        label = ", ".join([search.supernet, record.tactic, *place, *settings])
        if (label, record.seed) in seen:
            raise InvalidInputError(
                f"Two of the searches are {label} with seed {record.seed}; name one of them, for "
                "a band is over different seeds."
            )
        seen.add((label, record.seed))
        labels.append(label)
    return labels

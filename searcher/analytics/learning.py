"""How well latency can be predicted, and from how many measurements (Fig. 3, 13 to 15, Table 3)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latbase.db.records import Source
from latbase.errors import PredictorError
from latbase.searcher.analytics import figures
from latbase.searcher.analytics.normalising import normalised_name, scale
from latbase.searcher.catalogue import LEAST_ROWS, TrainingData
from latbase.searcher.experience import of_supernet
from latbase.searcher.knowledge import Values
from latbase.searcher.predictors.assessment import held_out_score, scores_by_size
from latbase.searcher.predictors.base import Score, score
from latbase.searcher.predictors.fitting import cross_validated, fit_kind, fit_predictor
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from latbase.supernets import Supernet

SIZES = (100, 200, 300, 500, 700, 1000)
"""Training sizes of a learning curve (§5.4 of the paper: 100 to 1,000)."""

SMALL_SIZES = (10, 20, 50)
"""What a curve begins with where there are too few rows for all of them."""

GROWTH = 1.2
"""Least ratio of the last size to the one before."""

TEST_ROWS = 500
"""Rows that judge every fit (§5.4)."""

TEST_SHARE = 3
"""At most every third row judges: fewer rows than the paper's still teach something."""

TRIALS = 10
"""Draws of training rows (§5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a learning curve is made.

    Attributes:
        rows: sub-networks with a known value.
        test_rows: those that judge every fit of every trial.
        sizes: the k training sizes, drawn from the others.
        trials: draws.
    """

    rows: int
    test_rows: int
    sizes: tuple[int, ...]
    trials: int

    @property
    def steps(self) -> int:
        """Fits of the curve, and one step for the predictions beside it."""
        return self.trials * len(self.sizes) + 1

    def __str__(self) -> str:
        """Say it as pictures and commands do."""
        return (
            f"{self.trials} trials, tested on the same {self.test_rows} of {self.rows} sub-networks"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Scores after some training on the same unseen rows: means and deviations over trials."""

    training_size: int
    test_size: int
    trials: int
    mape_percent: float
    mape_deviation: float
    tau: float
    tau_deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Scores by training size, and each value beside its cross-validated prediction.

    Attributes:
        metric: what is predicted, with its unit.
        kind: which predictor.
        plan: how the k sizes were scored.
        mape_percent: float (trials, k).
        tau: float (trials, k).
        measured: float (n,).
        predicted: float (n,), by a predictor that did not see the row.
        score: of ``predicted``.
    """

    metric: str
    kind: str
    plan: Plan
    mape_percent: Values
    tau: Values
    measured: Values
    predicted: Values
    score: Score

    def lessons(self) -> list[Lesson]:
        """Return the curve as numbers."""
        return [
            Lesson(
                training_size=size,
                test_size=self.plan.test_rows,
                trials=self.plan.trials,
                mape_percent=float(self.mape_percent[:, column].mean()),
                mape_deviation=float(self.mape_percent[:, column].std()),
                tau=float(self.tau[:, column].mean()),
                tau_deviation=float(self.tau[:, column].std()),
            )
            for column, size in enumerate(self.plan.sizes)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One cell of Table 3: how well a predictor ranks sub-networks it has not seen."""

    supernet: str
    configuration_id: str
    n: int
    tau: float
    mape_percent: float


def evaluated(search: Results, network: "Supernet", metric: str) -> TrainingData:
    """Return what ``search`` evaluated of ``metric``: any objective, such as validated top-1.

    Raises:
        UnknownNameError: the search has no such objective.
        SearchError: it is of another supernet.
    """
    of_supernet(search.record, network)
    values = search.values[:, search.column(metric)]
    known = np.flatnonzero(np.isfinite(values))
    configs = [search.configs[row] for row in known]
    return TrainingData(
        network=network,
        supernet_id=search.record.supernet_id,
        configuration_id=search.record.configuration_id or "",
        metric=metric,
        genotypes=network.space.from_configs(configs),
        values=values[known],
    )


def plan(
    data: TrainingData,
    *,
    sizes: Sequence[int] | None = None,
    test_rows: int = TEST_ROWS,
    trials: int = TRIALS,
) -> Plan:
    """Choose test rows and training sizes: the paper's, or what the rows allow.

    Args:
        data: what there is to learn from.
        sizes: of training; None: up to 1,000.
        test_rows: wanted; at most a third of the rows.
        trials: draws of training rows.

    Raises:
        PredictorError: there are too few sub-networks, for any curve or for a size asked for.
    """
    n = len(data.values)
    if n < max(LEAST_ROWS, 2 * SMALL_SIZES[0]):
        raise PredictorError(
            f"{n} sub-networks of {data.network.name} have a known {data.metric} here; a learning "
            f"curve needs at least {2 * SMALL_SIZES[0]}: latbase profile or a longer search adds "
            "more."
        )
    test_rows = min(test_rows, n // TEST_SHARE)
    most = n - test_rows
    if sizes is None:
        sizes = SIZES if most >= SIZES[-1] else _sizes_up_to(most)
    elif max(sizes) > most:
        raise PredictorError(
            f"A training size of {max(sizes)} is too large: {n} sub-networks have a known "
            f"{data.metric} here, and the {test_rows} that test leave {most}; ask for less."
        )
    return Plan(rows=n, test_rows=test_rows, sizes=tuple(sorted(sizes)), trials=trials)


def _sizes_up_to(most: int) -> tuple[int, ...]:
    """Return the sizes that are well below ``most``, and ``most``: labels shall not overlap."""
    return (*(size for size in (*SMALL_SIZES, *SIZES) if size <= most / GROWTH), most)


def learning(
    data: TrainingData,
    kind: str = "ridge",
    planned: Plan | None = None,
    *,
    on_step: Callable[[int], None] = lambda _done: None,
) -> Learning:
    """Fit ``kind`` on growing parts of what one configuration measured, or one search evaluated.

    Args:
        data: what to learn from.
        kind: of predictor.
        planned: how; None: as :func:`plan` chooses.
        on_step: told how many of the plan's steps are done.

    Raises:
        PredictorError: there are too few sub-networks.
    """
    planned = planned or plan(data)
    features = data.network.space.features(data.genotypes)
    scores = scores_by_size(
        features,
        data.values,
        kind,
        planned.sizes,
        test_rows=planned.test_rows,
        trials=planned.trials,
        on_fit=on_step,
    )
    kind = fit_predictor(features, data.values, kind).kind
    predicted = cross_validated(lambda x, y: fit_kind(kind, x, y), features, data.values)
    on_step(planned.steps)
    return Learning(
        metric=data.metric,
        kind=kind,
        plan=planned,
        tau=scores[:, :, 0],
        mape_percent=scores[:, :, 1],
        measured=data.values,
        predicted=predicted,
        score=score(predicted, data.values),
    )


def rankings(data: Sequence[TrainingData], kind: str = "ridge") -> list[Ranking]:
    """Score a predictor per supernet and configuration; those with too few rows are left out."""
    found = []
    for each in data:
        if len(each.values) < LEAST_ROWS:
            continue
        scored = held_out_score(each.network.space.features(each.genotypes), each.values, kind)
        found.append(
            Ranking(
                supernet=each.network.name,
                configuration_id=each.configuration_id,
                n=len(each.values),
                tau=scored.tau,
                mape_percent=scored.mape_percent,
            )
        )
    return found


def draw(
    found: Learning, title: str, *, source: str = Source.MEASURED, normalised: bool = False
) -> "Figure":
    """Draw error and τ by training size, and predicted beside measured values.

    Args:
        found: what to draw.
        title: heading.
        source: where the known values are from.
        normalised: show values as shares of the measured range (eq. 2).
    """
    figure, (left, middle, right) = figures.blank(3)
    _draw_curve(left, found.plan, found.mape_percent, "MAPE (%)")
    _draw_curve(middle, found.plan, found.tau, "Kendall τ")
    left.set_title(title)
    middle.set_title(str(found.plan))
    measured, predicted, name = found.measured, found.predicted, found.metric
    if normalised:
        predicted, measured = scale(predicted, measured), scale(measured, measured)
        name = normalised_name(name)
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    right.plot(ends, ends, color=figures.GREY, linewidth=1)
    right.scatter(measured, predicted, s=14, color=figures.VERMILLION)
    right.set(
        xlabel=f"{source} {name}",
        ylabel=f"{name} as {found.kind} predicts it",
        title=f"{found.kind}: τ {found.score.tau:.3f}, MAPE {found.score.mape_percent:.2f} %",
    )
    return figure


def _draw_curve(axes: "Axes", planned: Plan, scores: Values, name: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(planned.sizes, [str(size) for size in planned.sizes])
    axes.minorticks_off()
    axes.errorbar(
        planned.sizes,
        scores.mean(axis=0),
        yerr=scores.std(axis=0),
        color=figures.BLUE,
        marker="o",
        capsize=3,
    )
    axes.set(xlabel="training sub-networks", ylabel=name)


def draw_rankings(found: Sequence[Ranking]) -> "Figure":
    """Draw τ per supernet and configuration as a table of shades with its numbers."""
    supernets = sorted({each.supernet for each in found})
    places = sorted({each.configuration_id for each in found})
    grid = np.full((len(supernets), len(places)), np.nan)
    for each in found:
        grid[supernets.index(each.supernet), places.index(each.configuration_id)] = each.tau
    figure, (axes,) = figures.blank(height=1.8 + 0.6 * len(supernets))
    axes.grid(visible=False)
    image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, label="Kendall τ")
    for row, column in np.argwhere(~np.isnan(grid)):
        dark = grid[row, column] < 0.5  # noqa: PLR2004 - the middle of the shades
        axes.text(
            column,
            row,
            f"{grid[row, column]:.3f}",
            ha="center",
            va="center",
            color="white" if dark else "black",
        )
    axes.set_xticks(range(len(places)), [place[:8] for place in places])
    axes.set_yticks(range(len(supernets)), supernets)
    axes.set(xlabel="configuration", title="How well a predictor ranks unseen sub-networks")
    return figure

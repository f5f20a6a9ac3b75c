"""How well latency can be predicted, and from how many measurements (Fig. 3, 13 to 15, Table 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latbase.db.records import Source
from latbase.errors import PredictorError
from latbase.searcher.analytics import figures
from latbase.searcher.analytics.normalising import normalised_name, scale
from latbase.searcher.catalogue import LEAST_ROWS, TrainingData
from latbase.searcher.knowledge import Values
from latbase.searcher.predictors.assessment import held_out_score
from latbase.searcher.predictors.base import Score, score
from latbase.searcher.predictors.fitting import cross_validated, fit_kind, fit_predictor
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.supernets import Supernet

SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000)
"""Training sizes asked for; those that leave enough to judge on are shown."""

HELD_OUT = 4
"""One measurement in four is never trained on."""

REPEATS = 5
"""Random divisions, each with its own training rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Error after some training, on unseen sub-networks: means and deviation over divisions."""

    training_size: int
    mape_percent: float
    mape_deviation: float
    tau: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Errors by training size, and each value beside its cross-validated prediction.

    Attributes:
        metric: what is predicted, with its unit.
        kind: which predictor.
        sizes: the k training sizes.
        mape_percent: float (repeats, k).
        tau: float (repeats, k).
        measured: float (n,).
        predicted: float (n,), by a predictor that did not see the row.
        score: of ``predicted``.
    """

    metric: str
    kind: str
    sizes: tuple[int, ...]
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
                mape_percent=float(self.mape_percent[:, column].mean()),
                mape_deviation=float(self.mape_percent[:, column].std()),
                tau=float(self.tau[:, column].mean()),
            )
            for column, size in enumerate(self.sizes)
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
    """
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


def learning(data: TrainingData, kind: str = "ridge", *, seed: int = 0) -> Learning:
    """Fit ``kind`` on growing parts of what one configuration measured, or one search evaluated.

    Raises:
        PredictorError: there are too few sub-networks.
    """
    n = len(data.values)
    if n < max(LEAST_ROWS, 2 * SIZES[0]):
        raise PredictorError(
            f"{n} sub-networks of {data.network.name} have a known {data.metric} here; a learning "
            f"curve needs at least {2 * SIZES[0]}: latbase profile or a longer search adds more."
        )
    features = data.network.space.features(data.genotypes)
    train = n - n // HELD_OUT
    sizes = (*(size for size in SIZES if size < train), train)
    rng = np.random.default_rng(seed)
    scores = np.empty((REPEATS, len(sizes), 2))
    for repeat in range(REPEATS):
        order = rng.permutation(n)
        test = order[train:]
        for column, size in enumerate(sizes):
            rows = order[:size]
            fitted = fit_predictor(features[rows], data.values[rows], kind)
            scores[repeat, column] = fitted.score(features[test], data.values[test])
    kind = fit_predictor(features, data.values, kind).kind
    predicted = cross_validated(lambda x, y: fit_kind(kind, x, y), features, data.values)
    return Learning(
        metric=data.metric,
        kind=kind,
        sizes=sizes,
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
    """Draw the error by training size, and predicted beside measured values.

    Args:
        found: what to draw.
        title: heading.
        source: where the known values are from.
        normalised: show values as shares of the measured range (eq. 2).
    """
    figure, (left, right) = figures.blank(2)
    left.set_xscale("log")
    left.set_xticks(found.sizes, [str(size) for size in found.sizes])
    left.minorticks_off()
    left.errorbar(
        found.sizes,
        found.mape_percent.mean(axis=0),
        yerr=found.mape_percent.std(axis=0),
        color=figures.BLUE,
        marker="o",
        capsize=3,
    )
    left.set(xlabel="training sub-networks", ylabel="MAPE (%)", title=title)
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

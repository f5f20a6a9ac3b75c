"""The dense regions of a search's history as PopDB sees them, in a plane (Fig. 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.searcher.analytics import figures
from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.supernets import SearchSpace

NAMED = 8
"""Clusters that get a line of their own in the legend, the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Sub-networks on the two directions in which their genotypes vary most.

    Attributes:
        points: float (n, 2), principal components of the canonical genotypes.
        shown_percent: float (2,), share of the variance along each.
    """

    points: Values
    shown_percent: Values


def plane(space: "SearchSpace", genotypes: Genotypes) -> Plane:
    """Project what HDBSCAN clusters, int8 (n, p), n and p at least 2."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 - a second that only this needs

    components = PCA(n_components=2)
    points = components.fit_transform(space.canonical(genotypes).astype(np.float64))
    return Plane(points=points, shown_percent=100.0 * components.explained_variance_ratio_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """How many sub-networks are in a cluster; the largest first, before it those in none."""

    cluster: str
    subnets: int


def sizes(labels: npt.NDArray[np.intp]) -> list[Region]:
    """Return the clusters of ``labels``, int (n,), -1 for none."""
    return [Region(cluster=name, subnets=int(rows.sum())) for name, rows in _regions(labels)]


def draw(found: Plane, labels: npt.NDArray[np.intp], title: str) -> "Figure":
    """Draw every sub-network in the colour of its cluster, ``labels`` int (n,); -1 in none."""
    figure, (axes,) = figures.blank()
    for position, (label, rows) in enumerate(_regions(labels)):
        color, marker = figures.style(position - 1) if position else (figures.GREY, ".")
        axes.scatter(
            found.points[rows, 0],
            found.points[rows, 1],
            s=22,
            color=color,
            marker=marker,
            label=f"{label} ({rows.sum()})" if position <= NAMED else None,
        )
    first, second = found.shown_percent
    axes.set(
        xlabel=f"first principal component ({first:.0f} % of the variance)",
        ylabel=f"second ({second:.0f} %)",
        title=title,
    )
    axes.legend(fontsize=8)
    return figure


def _regions(labels: npt.NDArray[np.intp]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Yield a name and the rows, bool (n,), of what is in no cluster, then of each by size."""
    yield "in none", labels < 0
    by_size = np.argsort(-np.bincount(labels[labels >= 0]), kind="stable")
    for position, cluster in enumerate(by_size, start=1):
        yield f"cluster {position}", labels == cluster

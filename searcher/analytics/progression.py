"""How a search went: its evaluations in the order they came (Fig. 7 to 9 of the paper)."""

from typing import TYPE_CHECKING

import numpy as np

from latbase.searcher.analytics import figures
from latbase.searcher.analytics.front import plane
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(search: Results) -> "Figure":
    """Draw every evaluation, coloured by when it was made, and the front through them."""
    view = search.view()
    x, y, x_label, y_label = plane(view)
    figure, (axes,) = figures.blank()
    points = axes.scatter(x, y, c=np.arange(1, len(x) + 1), cmap="cividis", s=22, zorder=2)
    figure.colorbar(points, label="evaluation")
    front = np.flatnonzero(view.on_front)
    front = front[np.argsort(x[front], kind="stable")]
    axes.plot(
        x[front],
        y[front],
        color=figures.VERMILLION,
        marker="o",
        markerfacecolor="none",
        linewidth=1,
        label=f"front ({len(front)})",
        zorder=3,
    )
    axes.set(xlabel=x_label, ylabel=y_label, title=f"{view.title}: progression")
    axes.legend(loc="lower right")
    return figure

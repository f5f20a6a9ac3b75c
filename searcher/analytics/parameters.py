"""Which values the good sub-networks take: shares on a front and in PopDB clusters (Fig. 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.searcher.analytics import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.supernets import SearchSpace

LEAST_WIDTH, PARAMETER_WIDTH = 8.0, 0.28
"""Inches of a figure, and of every parameter in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often a parameter takes a value where it is active.

    Attributes:
        share: 0 to 1.
    """

    parameter: str
    value: str
    share: float


def shares(space: "SearchSpace", table: npt.NDArray[np.float64]) -> list[Share]:
    """Return ``table``, float (p, most values), as named rows."""
    return [
        Share(parameter=parameter.name, value=str(value), share=float(share))
        for parameter, row in zip(space.parameters, table, strict=True)
        for value, share in zip(parameter.values, row, strict=False)
    ]


def draw(found: Sequence[Share], title: str) -> "Figure":
    """Draw one bar per parameter, divided by the shares of its values."""
    names = list(dict.fromkeys(each.parameter for each in found))
    figure, (axes,) = figures.blank()
    figure.set_figwidth(max(LEAST_WIDTH, PARAMETER_WIDTH * len(names)))
    shades = figures.CYCLE
    bottom = dict.fromkeys(names, 0.0)
    seen: dict[str, int] = {}
    for each in found:
        level = seen[each.parameter] = seen.get(each.parameter, -1) + 1
        place = names.index(each.parameter)
        color = shades[level % len(shades)]
        height = 100.0 * each.share
        axes.bar(place, height, bottom=bottom[each.parameter], color=color, alpha=0.75)
        if height > 12:  # noqa: PLR2004 - lower bars hold no text
            middle = bottom[each.parameter] + height / 2
            axes.text(place, middle, each.value, ha="center", va="center", fontsize=7)
        bottom[each.parameter] += height
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set(ylabel="share of sub-networks (%)", title=title)
    return figure

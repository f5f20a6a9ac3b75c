"""What all figures share: colours told apart by colour-blind readers, size, and saving."""

from pathlib import Path
from typing import TYPE_CHECKING

from latbase.errors import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, BLACK = "#e69f00", "#56b4e9", "#000000"
GREY = "#9aa5b1"

CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Okabe and Ito's palette, in the order in which things that differ take their colours."""

MARKERS = "osD^vPX"
"""Colour never tells things apart alone."""


def blank(columns: int = 1, *, height: float = 5.2) -> "tuple[Figure, list[Axes]]":
    """Return an empty figure and its axes, side by side."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only figures need

    figure = Figure(figsize=(8 if columns == 1 else 6 * columns, height), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for each in axes:
        each.grid(alpha=0.25)
    return figure, axes


def style(position: int) -> tuple[str, str]:
    """Return colour and marker of the thing at that position."""
    return CYCLE[position % len(CYCLE)], MARKERS[position % len(MARKERS)]


def save(figure: "Figure", path: Path) -> None:
    """Write ``figure`` to ``path``; its suffix chooses PNG, SVG or PDF.

    Raises:
        InvalidInputError: the suffix is none that can be drawn, or the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"The picture cannot be written to {path}: {error}.") from error

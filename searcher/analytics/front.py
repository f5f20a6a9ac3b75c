"""The front of a search as a picture (matplotlib) and as a self-contained page (plotly)."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.searcher.analytics import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVALUATED, FRONT = figures.GREY, figures.BLUE


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontView:
    """What the picture and the page show.

    Attributes:
        title: heading.
        axes: one label per objective, saying name and source, e.g. ``top1 (predicted)``.
        values: float (n, m), every evaluation.
        on_front: bool (n,).
        configs: the n sub-network configs.
        remarks: sentences under the heading (where values come from, hypervolume, …).
    """

    title: str
    axes: tuple[str, ...]
    values: npt.NDArray[np.float64]
    on_front: npt.NDArray[np.bool_]
    configs: Sequence[object]
    remarks: tuple[str, ...]


def picture(view: FrontView, path: Path) -> None:
    """Draw evaluations and front to ``path``; its suffix chooses PNG, SVG or PDF.

    Two objectives span the axes (first upwards, second to the right); a third colours the points;
    with one, the value is drawn against the order of evaluation.

    Raises:
        InvalidInputError: the suffix is none that can be drawn, or the folder cannot be written.
    """
    figures.save(draw(view), path)


def draw(view: FrontView) -> "Figure":
    """Return the picture of :func:`picture`."""
    figure, (axes,) = figures.blank()
    x, y, x_label, y_label = plane(view)
    shown = np.isfinite(x) & np.isfinite(y)
    rest, front = shown & ~view.on_front, shown & view.on_front
    axes.scatter(x[rest], y[rest], s=18, color=EVALUATED, label=f"evaluated ({rest.sum()})")
    order = np.argsort(x[front])
    color = view.values[front, 2][order] if view.values.shape[1] > 2 else FRONT  # noqa: PLR2004
    points = axes.scatter(
        x[front][order], y[front][order], s=36, c=color, label=f"front ({front.sum()})", zorder=3
    )
    if view.values.shape[1] > 2:  # noqa: PLR2004
        figure.colorbar(points, label=view.axes[2])
    elif view.values.shape[1] == 2:  # noqa: PLR2004
        axes.plot(x[front][order], y[front][order], color=FRONT, linewidth=1, zorder=2)
    axes.set(xlabel=x_label, ylabel=y_label, title=view.title)
    axes.legend(loc="lower right")
    return figure


def page(view: FrontView, appendix: str = "") -> str:
    """Return one HTML page that needs nothing from the network: plot, table and JSON configs.

    Args:
        view: what it shows.
        appendix: HTML that follows the table.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - seconds that only this needs

    x, y, x_label, y_label = plane(view)
    hover = [_hover(view, row) for row in range(len(view.values))]
    figure = go.Figure(layout={"template": "plotly_white", "height": 560})
    for name, mask, color, size in (
        ("evaluated", ~view.on_front, EVALUATED, 7),
        ("front", view.on_front, FRONT, 10),
    ):
        figure.add_scatter(
            x=x[mask].tolist(),
            y=y[mask].tolist(),
            mode="markers",
            name=f"{name} ({mask.sum()})",
            marker={"color": color, "size": size},
            text=[hover[row] for row in np.flatnonzero(mask)],
            hoverinfo="text",
        )
    figure.update_layout(xaxis_title=x_label, yaxis_title=y_label)
    plot = figure.to_html(full_html=False, include_plotlyjs=True)
    return _PAGE.format(
        title=html.escape(view.title),
        remarks="".join(f"<p>{html.escape(remark)}</p>" for remark in view.remarks),
        plot=plot,
        header="".join(f"<th>{html.escape(axis)}</th>" for axis in view.axes),
        rows="".join(_row(view, row) for row in _front_order(view)),
        appendix=appendix,
    )


def write_page(view: FrontView, path: Path, appendix: str = "") -> None:
    """Write :func:`page` to ``path``.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    try:
        path.write_text(page(view, appendix), encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"The page cannot be written to {path}: {error}.") from error


def plane(
    view: FrontView,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], str, str]:
    """Return x and y, float (n,) each, and their labels."""
    if view.values.shape[1] == 1:
        order = np.arange(1, len(view.values) + 1, dtype=np.float64)
        return order, view.values[:, 0], "evaluation", view.axes[0]
    return view.values[:, 1], view.values[:, 0], view.axes[1], view.axes[0]


def _front_order(view: FrontView) -> npt.NDArray[np.intp]:
    rows = np.flatnonzero(view.on_front)
    return rows[np.argsort(view.values[rows, -1], kind="stable")]


def _hover(view: FrontView, row: int) -> str:
    numbers = [
        f"{axis}: {value:.5g}" for axis, value in zip(view.axes, view.values[row], strict=True)
    ]
    return "<br>".join([*numbers, html.escape(json.dumps(view.configs[row]))])


def _row(view: FrontView, row: int) -> str:
    numbers = "".join(f"<td>{value:.5g}</td>" for value in view.values[row])
    return f"<tr>{numbers}<td><code>{html.escape(json.dumps(view.configs[row]))}</code></td></tr>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
        padding: 0 1rem; color: #1f2933; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #e4e7eb; }}
img {{ max-width: 100%; }}
th:last-child, td:last-child {{ text-align: left; overflow-wrap: anywhere; font-size: .75rem; }}
</style></head><body>
<h1>{title}</h1>{remarks}
{plot}
<h2>Front</h2>
<table><thead><tr>{header}<th>sub-network</th></tr></thead><tbody>{rows}</tbody></table>
{appendix}
</body></html>
"""

"""Fronts of several machines over each other, and what it costs to use another's (Fig. 5 and 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latbase.db import queries
from latbase.errors import InvalidInputError
from latbase.searcher.analytics import figures
from latbase.searcher.analytics.front import plane
from latbase.searcher.analytics.hypervolume import Box, same_objectives
from latbase.searcher.evaluation import METRICS
from latbase.searcher.knowledge import Values
from latbase.searcher.objectives import minimised
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.db import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """One machine's front used on another.

    Attributes:
        used_on: the search of the machine that uses it.
        found_by: the search it was found by.
        members: sub-networks on the borrowed front.
        measured: how many of them were measured on the machine that uses it.
        lost_percent: share of its own front's hypervolume that is lost; None while members are
            unmeasured, negative where the borrowed front is better.
    """

    used_on: str
    found_by: str
    members: int
    measured: int
    lost_percent: float | None


def exchange(store: "Store", searches: Sequence[Results]) -> list[Borrowed]:
    """Judge every front on every other machine by values measured there.

    Raises:
        InvalidInputError: the searches are of different supernets or objectives, or span no box.
    """
    same_objectives(searches)
    if len({search.record.supernet_id for search in searches}) > 1:
        raise InvalidInputError(
            "The searches are of different supernets; compare fronts of one supernet."
        )
    return [
        _borrowed(store, here, donor)
        for here in searches
        for donor in searches
        if donor is not here
    ]


def draw(searches: Sequence[Results]) -> "Figure":
    """Draw the fronts of all searches into one plane."""
    figure, (axes,) = figures.blank()
    for position, search in enumerate(searches):
        color, marker = figures.style(position)
        view = search.view()
        x, y, x_label, y_label = plane(view)
        front = np.flatnonzero(view.on_front)
        front = front[np.argsort(x[front], kind="stable")]
        place = search.record.configuration_id
        label = f"{search.record.search_id[:8]}" + (f" on {place[:8]}" if place else "")
        axes.plot(x[front], y[front], color=color, marker=marker, linewidth=1, label=label)
        axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(f"{searches[0].supernet}: fronts")
    axes.legend(loc="lower right")
    return figure


def _borrowed(store: "Store", here: Results, donor: Results) -> Borrowed:
    rows = np.flatnonzero(donor.on_front())
    values = _measured_on(store, here, donor, rows)
    known = ~np.isnan(values).any(axis=1)
    lost = None
    if len(rows) and known.all():
        own = minimised(here.objectives, here.values[here.on_front()])
        other = minimised(here.objectives, values)
        box = Box.around([own, other])
        before = box.percent(own.points)
        lost = 100.0 * (1.0 - box.percent(other.points[other.feasible]) / before)
    return Borrowed(
        used_on=here.record.search_id,
        found_by=donor.record.search_id,
        members=len(rows),
        measured=int(known.sum()),
        lost_percent=lost,
    )


def _measured_on(
    store: "Store", here: Results, donor: Results, rows: "np.ndarray[tuple[int], np.dtype[np.intp]]"
) -> Values:
    """Return the donor's rows with every measured column as measured on the machine of ``here``."""
    values = donor.values[rows].copy()
    ids = [donor.subnet_ids[row] for row in rows]
    for column, objective in enumerate(here.objectives):
        if objective.name in METRICS and here.record.configuration_id:
            found = queries.newest_values(
                store,
                ids,
                configuration_id=here.record.configuration_id,
                metric=objective.name,
            )
            values[:, column] = [found.get(subnet_id, np.nan) for subnet_id in ids]
    return values

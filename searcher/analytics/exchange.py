"""Fronts of several machines over each other, and what it costs to use another's (Fig. 5 and 6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latbase.db import queries, queueing
from latbase.errors import InvalidInputError
from latbase.searcher.analytics import figures, normalising
from latbase.searcher.analytics.front import plane
from latbase.searcher.analytics.hypervolume import Box, same_objectives
from latbase.searcher.evaluation import METRICS
from latbase.searcher.objectives import minimised
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from latbase.db import Store
    from latbase.supernets import Supernet


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
        InvalidInputError: the searches are of different supernets or objectives, span no box, or
            one's front has no hypervolume in it.
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


def draw(store: "Store", searches: Sequence[Results], *, normalised: bool = False) -> "Figure":
    """Draw, for every configuration, the fronts found on it and the others as re-measured on it.

    Args:
        store: has the re-measured values.
        searches: whose fronts.
        normalised: show measured values as shares of what was evaluated on the configuration.
    """
    places = list(dict.fromkeys(search.record.configuration_id for search in searches))
    figure, panels = figures.blank(len(places))
    for axes, place in zip(panels, places, strict=True):
        here = [search for search in searches if search.record.configuration_id == place]
        among = np.vstack([search.values for search in here])
        for position, search in enumerate(searches):
            own = search.record.configuration_id == place
            shown = search if own else used_on(store, here[0], search)
            _trace(
                axes,
                normalising.normalised(shown, among) if normalised else shown,
                position,
                own=own,
            )
        axes.set_title(f"On {place[:8]}" if place else searches[0].supernet)
        axes.legend(loc="lower right", fontsize=8)
    figure.suptitle(f"{searches[0].supernet}: fronts; dashed: found elsewhere, measured here")
    return figure


def used_on(store: "Store", here: Results, donor: Results) -> Results:
    """Return the donor's front with every measured value as measured on the machine of ``here``.

    NaN stands where it was not measured there.
    """
    rows = np.flatnonzero(donor.on_front())
    ids = tuple(donor.subnet_ids[row] for row in rows)
    values = donor.values[rows].copy()
    for column in _measured_columns(here):
        found = queries.newest_values(
            store,
            ids,
            configuration_id=str(here.record.configuration_id),
            metric=here.objectives[column].name,
        )
        values[:, column] = [found.get(subnet_id, np.nan) for subnet_id in ids]
    return replace(
        donor,
        values=values,
        objectives=here.objectives,
        subnet_ids=ids,
        configs=tuple(donor.configs[row] for row in rows),
    )


def enqueue(store: "Store", network: "Supernet", searches: Sequence[Results]) -> int:
    """Queue what :func:`exchange` lacks: every front on every configuration; returns how many."""
    queued = 0
    for place in {here.record.configuration_id for here in searches if _measured_columns(here)}:
        configs = [member["config"] for search in searches for member in search.members()]
        genotypes = network.space.from_configs(configs)
        queued += queueing.enqueue(store, network, genotypes, str(place))
    return queued


def _measured_columns(search: Results) -> list[int]:
    place = search.record.configuration_id
    named = enumerate(search.objectives)
    return [column for column, each in named if place and each.name in METRICS]


def _trace(axes: "Axes", search: Results, position: int, *, own: bool) -> None:
    color, marker = figures.style(position)
    view = search.view()
    x, y, x_label, y_label = plane(view)
    rows = np.flatnonzero(view.on_front if own else np.isfinite(x) & np.isfinite(y))
    rows = rows[np.argsort(x[rows], kind="stable")]
    axes.plot(
        x[rows],
        y[rows],
        color=color,
        marker=marker,
        markerfacecolor=color if own else "none",
        linestyle="-" if own else "--",
        linewidth=1,
        label=f"{search.record.search_id[:8]}, {search.record.tactic} ({len(rows)})",
    )
    axes.set(xlabel=x_label, ylabel=y_label)


def _borrowed(store: "Store", here: Results, donor: Results) -> Borrowed:
    used = used_on(store, here, donor)
    known = np.isfinite(used.values).all(axis=1)
    lost = None
    if known.size and known.all():
        own = minimised(here.objectives, here.values)
        other = minimised(here.objectives, used.values)
        # Of all that was evaluated here, not of the fronts alone: their ends would count nothing.
        box = Box.around([own, other])
        before = box.percent(own.points[own.feasible])
        if not before:
            raise InvalidInputError(
                f"Search {here.record.search_id} has {len(here.values)} evaluations, none better "
                "than others in all objectives, so nothing can be lost; let it evaluate more."
            )
        lost = 100.0 * (1.0 - box.percent(other.points[other.feasible]) / before)
    return Borrowed(
        used_on=here.record.search_id,
        found_by=donor.record.search_id,
        members=known.size,
        measured=int(known.sum()),
        lost_percent=lost,
    )

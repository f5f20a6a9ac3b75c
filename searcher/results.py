"""What a stored search found: its evaluations, its front, and how good that is."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from latbase.db import queries
from latbase.db.records import Search as SearchRecord
from latbase.db.records import SearchStatus
from latbase.errors import UnknownNameError
from latbase.searcher import pareto
from latbase.searcher.analytics.front import FrontView
from latbase.searcher.knowledge import Values
from latbase.searcher.objectives import Objective, minimised, objective_of

if TYPE_CHECKING:
    from latbase.db import Store


class Member(TypedDict):
    """One sub-network of a front, as scripts read it."""

    subnet_id: str
    config: dict[str, object]
    values: dict[str, float]
    sources: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A stored search with everything it evaluated.

    Attributes:
        values: float (n, m), in the objectives' own units and senses.
        sources: how each objective's values are labelled.
        subnet_ids: of the n sub-networks.
        configs: of the n sub-networks.
    """

    record: SearchRecord
    supernet: str
    objectives: tuple[Objective, ...]
    values: Values
    sources: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    configs: tuple[dict[str, object], ...]

    @property
    def axes(self) -> list[str]:
        """One label per objective: name and source."""
        return [
            f"{objective.name} ({source})"
            for objective, source in zip(self.objectives, self.sources, strict=False)
        ] or [objective.name for objective in self.objectives]

    @property
    def title(self) -> str:
        """What was searched, where."""
        return f"{self.supernet}: search {self.record.search_id[:8]}"

    def column(self, name: str) -> int:
        """Return the position of the objective ``name`` in ``values`` and ``sources``.

        Raises:
            UnknownNameError: the search has no such objective.
        """
        names = [objective.name for objective in self.objectives]
        if name not in names:
            raise UnknownNameError(
                f"Search {self.record.search_id} has no {name!r}; it has {', '.join(names)}."
            )
        return names.index(name)

    def on_front(self) -> npt.NDArray[np.bool_]:
        """Return the feasible non-dominated evaluations, bool (n,)."""
        return minimised(self.objectives, self.values).front()

    def members(self) -> list[Member]:
        """Return the front, best in the first objective first."""
        outcome = minimised(self.objectives, self.values)
        rows = np.flatnonzero(outcome.front())
        rows = rows[np.argsort(outcome.points[rows, 0], kind="stable")]
        return [self.member(int(row)) for row in rows]

    def member(self, row: int) -> Member:
        """Return the sub-network of one evaluation."""
        names = [objective.name for objective in self.objectives]
        return Member(
            subnet_id=self.subnet_ids[row],
            config=self.configs[row],
            values=dict(zip(names, self.values[row].tolist(), strict=True)),
            sources=dict(zip(names, self.sources, strict=True)),
        )

    def hypervolume_percent(self) -> float | None:
        """Return the share of the evaluated box that the front dominates, in percent.

        The box spans the best and worst feasible value of every optimised objective; None with
        fewer than two objectives or feasible evaluations.
        """
        outcome = minimised(self.objectives, self.values)
        points = outcome.points[outcome.feasible]
        if len(points) < 2 or points.shape[1] < 2:  # noqa: PLR2004 - a box needs two of each
            return None
        best, worst = points.min(axis=0), points.max(axis=0)
        if (best == worst).any():
            return None
        scaled = (points - best) / (worst - best)
        return 100.0 * pareto.hypervolume(scaled, np.ones(points.shape[1]))

    def remarks(self) -> tuple[str, ...]:
        """Return sentences a reader of the front needs."""
        covered = self.hypervolume_percent()
        failed = int(np.isnan(self.values).any(axis=1).sum())
        found = [
            (
                f"{len(self.values)} sub-networks evaluated by the tactic {self.record.tactic}, "
                f"{int(self.on_front().sum())} on the front."
            )
        ]
        if covered is not None:
            found.append(f"Hypervolume: {covered:.1f} % of the box the evaluations span.")
        if len(self.values) > failed and not self.on_front().any():
            found.append("None of them meets the constraints: loosen them, or search longer.")
        if failed:
            found.append(f"{failed} could not be evaluated.")
        if self.record.status is SearchStatus.RUNNING:
            found.append("Unfinished: the same search command continues it.")
        if self.record.configuration_id:
            found.append(f"Configuration {self.record.configuration_id}.")
        return tuple(found)

    def view(self) -> FrontView:
        """Return what pictures and pages show."""
        return FrontView(
            title=self.title,
            axes=tuple(self.axes),
            values=self.values,
            on_front=self.on_front(),
            configs=self.configs,
            remarks=self.remarks(),
        )


def load(store: "Store", search_id: str) -> Results:
    """Read the search that ``search_id`` (a unique prefix, or ``latest``) names.

    Raises:
        UnknownNameError: there is no such search, or there are several.
    """
    record = queries.search(store, search_id)
    rows = queries.evaluations(store, record.search_id)
    subnets = queries.genotypes(store, record.search_id).to_pylist()
    return Results(
        record=record,
        supernet=queries.supernet_name(store, record.supernet_id),
        objectives=tuple(objective_of(each) for each in record.objectives),
        values=np.array([row.values for row in rows]).reshape(-1, len(record.objectives)),
        sources=tuple(str(source) for source in rows[0].sources) if rows else (),
        subnet_ids=tuple(row.subnet_id for row in rows),
        configs=tuple(json.loads(subnet["config"]) for subnet in subnets),
    )

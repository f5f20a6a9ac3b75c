"""What the store knows from other configurations, the most alike first, and the evidence for it.

Warm start (§4.4) and transfer ask the same: whose latencies rank sub-networks as this
configuration does? Where enough was measured here, Kendall's tau of another's predictor answers;
elsewhere the number of facts the configurations share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

import numpy as np

from latbase.db import queries
from latbase.db.networks import supernet_of
from latbase.db.records import Configuration
from latbase.db.records import Search as SearchRecord
from latbase.errors import SearchError
from latbase.searcher.catalogue import TrainingData, training_data
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.objectives import Objective
from latbase.searcher.predictors.base import Predictor
from latbase.searcher.predictors.fitting import fit_predictor
from latbase.searcher.predictors.gaussian_process import thinned

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet

LEAST_SOURCE_ROWS = 30
"""Measured sub-networks from which another configuration's predictor is worth asking."""

LEAST_SHARED_ROWS = 8
"""Measured sub-networks here from which tau of a predictor says something."""

MOST = 8
"""Sources and fronts beyond the most alike ones take time and add nothing."""

SOURCE_ROWS = 400
"""Rows a source is fitted on."""

FACTS = ("hardware_id", "device", "threads", "batch_size", "precision", "engine", "input_size")
"""What two configurations may have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What one search takes from others, as its row in the store keeps it.

    Attributes:
        sources: configurations whose predictors it transfers from, the most alike first.
        fronts: searches whose fronts it starts from, one per configuration: the own one, then those
            of the most alike.
        evidence: why each of them was chosen, in words, by configuration or search; a front that
            the user chose needs none.
    """

    sources: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What comes first and why, in words; empty if there is nothing."""
        first = [("configuration", each) for each in self.sources[:1]]
        first += [("the front of search", each) for each in self.fronts[:1]]
        return "; ".join(
            f"{what} {each} {self.evidence.get(each, '')}".strip() for what, each in first
        )

    def facts(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "sources": list(self.sources),
            "fronts": list(self.fronts),
            "evidence": dict(self.evidence),
        }

    @classmethod
    def of(cls, facts: object) -> Self:
        """Return what :meth:`facts` wrote."""
        assert isinstance(facts, dict)
        return cls(
            sources=tuple(facts["sources"]),
            fronts=tuple(facts["fronts"]),
            evidence=facts.get("evidence", {}),  # which early searches did not keep
        )


def gather(
    store: "Store",
    network: "Supernet",
    *,
    configuration_id: str | None,
    objectives: Sequence[Objective],
    metric: str | None,
) -> Experience:
    """Choose sources and fronts for a new search.

    Args:
        store: where to look.
        network: what is searched.
        configuration_id: where it is searched for; None if nothing is measured.
        objectives: fronts must be of searches that optimised the same, in the same sense.
        metric: the measured objective that sources predict; None if nothing is measured.
    """
    kin: list[_Kin] = []
    if configuration_id is not None and metric is not None:
        configuration = queries.configuration(store, configuration_id)
        kin = _kin(store, network, configuration, metric)
    own = "found on this very configuration" if configuration_id else "found for these objectives"
    places = {configuration_id or "": own} | {
        each.configuration_id: f"found on configuration {each.configuration_id}, which {each.why}"
        for each in kin
    }
    optimised = {(each.name, each.maximize) for each in objectives if each.optimize}
    largest = _largest_fronts(store, supernet_of(network).supernet_id, optimised)
    fronts = {}
    for place in (place for place in places if place in largest):
        search_id, size = largest[place]
        fronts[search_id] = f"of size {size}, {places[place]}"
    return Experience(
        sources=tuple(each.configuration_id for each in kin),
        fronts=tuple(fronts),
        evidence={each.configuration_id: each.why for each in kin} | fronts,
    )


def of_supernet(search: SearchRecord, network: "Supernet") -> SearchRecord:
    """Return ``search`` if it is of ``network``.

    Raises:
        SearchError: it is of another supernet.
    """
    if search.supernet_id != supernet_of(network).supernet_id:
        raise SearchError(
            f"Search {search.search_id} is not of {network.name}; choose one that is."
        )
    return search


def sources(
    store: "Store",
    network: "Supernet",
    configuration_ids: Sequence[str],
    metric: str,
    before: datetime,
) -> list[Predictor]:
    """Fit a predictor of ``metric`` per configuration on what was measured ``before``."""
    data = [training_data(store, network, each, metric, before) for each in configuration_ids]
    # A clock that runs ahead dates measurements after the search that chose them.
    return [_source(each) for each in data if len(each.values) >= LEAST_SOURCE_ROWS]


def front(store: "Store", search_id: str) -> Genotypes:
    """Return the front of a finished search, int8 (k, p)."""
    members = store.query(
        "SELECT genotype FROM evaluation JOIN subnet USING (subnet_id) "
        "WHERE search_id = ? AND on_front ORDER BY position",
        [search_id],
    )
    return np.array(members["genotype"].to_pylist(), dtype=np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kin:
    """Another configuration, and how alike it is: ``tau`` over ``rows`` sub-networks if known."""

    configuration_id: str
    tau: float | None
    rows: int
    shared: int

    @property
    def why(self) -> str:
        if self.tau is None:
            return f"shares {self.shared} of {len(FACTS)} facts"
        return f"ranks the {self.rows} sub-networks measured here with Kendall tau {self.tau:.2f}"


def _kin(
    store: "Store", network: "Supernet", configuration: Configuration, metric: str
) -> list[_Kin]:
    """Return the configurations worth asking, the most alike first."""
    here = training_data(store, network, configuration.configuration_id, metric)
    features = network.space.features(here.genotypes)
    found = []
    for other in queries.profiled(store, here.supernet_id, metric, least=LEAST_SOURCE_ROWS):
        if other.configuration_id == configuration.configuration_id:
            continue
        tau = None
        if len(here.values) >= LEAST_SHARED_ROWS:
            source = _source(training_data(store, network, other.configuration_id, metric))
            found_tau = source.score(features, here.values).tau
            tau = 0.0 if math.isnan(found_tau) else found_tau  # what is constant ranks nothing
        found.append(
            _Kin(
                configuration_id=other.configuration_id,
                tau=tau,
                rows=len(here.values),
                shared=sum(getattr(other, fact) == getattr(configuration, fact) for fact in FACTS),
            )
        )
    found.sort(key=lambda each: (each.tau or 0.0, each.shared, each.configuration_id), reverse=True)
    return found[:MOST]


def _source(data: TrainingData) -> Predictor:
    rows = thinned(len(data.values), SOURCE_ROWS)
    features = data.network.space.features(data.genotypes[rows])
    return fit_predictor(features, data.values[rows], "gp")


def _largest_fronts(
    store: "Store", supernet_id: str, objectives: set[tuple[str, bool]]
) -> dict[str, tuple[str, int]]:
    """Return by configuration the search of ``objectives`` with the largest front, and its size.

    The newest of all may be a short trial, or one whose evaluations failed.
    """
    sizes = queries.front_sizes(store, supernet_id)
    searches = [
        search
        for search in queries.finished_searches(store, supernet_id)
        if search.search_id in sizes and _optimised(search) == objectives
    ]
    largest: dict[str, tuple[str, int]] = {}
    for search in sorted(searches, key=lambda each: -sizes[each.search_id]):
        found = search.search_id, sizes[search.search_id]
        largest.setdefault(search.configuration_id or "", found)
    return largest


def _optimised(search: SearchRecord) -> set[tuple[object, object]]:
    return {(facts["name"], facts["maximize"]) for facts in search.objectives if facts["optimize"]}

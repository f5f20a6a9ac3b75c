"""Where the values of each objective come from.

The searcher never measures: it meets the profiler in the store. A measured objective reads the
store and hands what is missing to a ``measure`` callable (the command line passes one that measures
here, or one that queues jobs for another host), then reads again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from latbase.db import queries
from latbase.db.records import Source
from latbase.errors import UnknownNameError
from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.searcher.objectives import Objective
    from latbase.supernets import Supernet

ANALYTIC = ("macs", "params")
"""Objectives every supernet computes exactly, in the order of ``Supernet.costs``."""

METRICS = ("latency_ms", "throughput_items_per_s", "peak_memory_bytes", "energy_mj")
"""Metrics the profiler measures."""


class ValueSource(Protocol):
    """Gives one objective's values for genotypes, and says what sort of values they are."""

    @property
    def source(self) -> Source:
        """What the values are labelled as wherever they are shown."""

    def values(self, genotypes: Genotypes) -> Values:
        """Return float (n,) for int8 (n, p), in the objective's own unit; NaN where it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analytic:
    """Exact cost of the network: ``macs`` (multiply-accumulates) or ``params`` (count).

    Attributes:
        input_size: what MACs are counted at; None: the supernet's ``default_input_size``.
    """

    supernet: "Supernet"
    objective: str
    input_size: int | None = None
    source: Source = Source.ANALYTIC

    def values(self, genotypes: Genotypes) -> Values:
        """Return the cost column, float (n,)."""
        costs = self.supernet.costs(genotypes, self.input_size)
        return costs[:, ANALYTIC.index(self.objective)].astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What a predictor says: that of top-1 that comes with a supernet, or one made of the store.

    Attributes:
        predict: gives float (n,) for int8 (n, p).
    """

    predict: Callable[[Genotypes], Values]
    source: Source = Source.PREDICTED

    def values(self, genotypes: Genotypes) -> Values:
        """Return predictions, float (n,)."""
        return self.predict(genotypes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric measured on one configuration: read from the store, measured where missing.

    Attributes:
        measure: takes the genotypes without a value, int8 (k, p), and returns when the store holds
            whatever could be measured of them.
    """

    store: "Store"
    supernet_id: str
    configuration_id: str
    metric: str
    subnet_ids: Callable[[Genotypes], list[str]]
    measure: Callable[[Genotypes], None]
    source: Source = Source.MEASURED

    def values(self, genotypes: Genotypes) -> Values:
        """Return the newest measured values, float (n,); NaN for what could not be measured."""
        ids = self.subnet_ids(genotypes)
        missing = np.isnan(self._stored(ids))
        if missing.any():
            self.measure(genotypes[missing])
        return self._stored(ids)

    def _stored(self, subnet_ids: Sequence[str]) -> Values:
        found = queries.newest_values(
            self.store, subnet_ids, configuration_id=self.configuration_id, metric=self.metric
        )
        return np.array([found.get(subnet_id, np.nan) for subnet_id in subnet_ids])


class Evaluator:
    """Turns genotypes into objective vectors, one :class:`ValueSource` per objective."""

    def __init__(self, sources: Sequence[ValueSource]) -> None:
        self._sources = tuple(sources)

    @property
    def labels(self) -> tuple[Source, ...]:
        """How each objective's values are labelled."""
        return tuple(source.source for source in self._sources)

    def __call__(self, genotypes: Genotypes) -> Values:
        """Return float (n, m) for int8 (n, p), in the objectives' own units and senses."""
        return np.column_stack([source.values(genotypes) for source in self._sources])


def value_source(
    objective: "Objective",
    supernet: "Supernet",
    measured: Callable[[str], ValueSource],
    given: Mapping[str, ValueSource] = MappingProxyType({}),
    input_size: int | None = None,
) -> ValueSource:
    """Choose where the values of ``objective`` come from.

    Args:
        objective: what is wanted.
        supernet: whose sub-networks are evaluated.
        measured: makes the source of a measured metric from the metric's name.
        given: by objective name, sources that come before all others.
        input_size: of what is measured; None: the supernet's ``default_input_size``.

    Raises:
        UnknownNameError: no source gives that objective for this supernet.
    """
    if objective.name in given:
        return given[objective.name]
    if objective.name in ANALYTIC:
        return Analytic(supernet=supernet, objective=objective.name, input_size=input_size)
    if objective.name == "top1":
        supernet.predicted_top1(supernet.space.smallest())  # raises where there is no predictor
        return Predicted(predict=supernet.predicted_top1)
    if objective.name in METRICS:
        return measured(objective.name)
    known = ", ".join(dict.fromkeys((*given, *ANALYTIC, "top1", "naswot", *METRICS)))
    raise UnknownNameError(f"There is no objective {objective.name!r}; latbase knows {known}.")

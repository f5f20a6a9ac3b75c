"""Values that no hardware decides, kept in the store so that none is paid for twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from latbase.db import queries
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import Source, Validation
from latbase.identity import content_id
from latbase.searcher.knowledge import Genotypes, Known, Values

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.searcher.fanning import Fan
    from latbase.searcher.objectives import Objective
    from latbase.supernets import Appraiser, Supernet
    from latbase.supernets.accuracy.appraiser import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraised:
    """An objective that an appraiser gives: read from the store, appraised where missing.

    Attributes:
        fan: spreads what is missing over other workers; None: this process appraises.
    """

    store: "Store"
    supernet: "Supernet"
    objective: str
    appraiser: "Appraiser"
    fan: "Fan | None" = None

    @property
    def source(self) -> Source:
        """What the values are labelled as wherever they are shown."""
        return Source(self.appraiser.label)

    @property
    def conditions_id(self) -> str:
        """Values are comparable where it agrees."""
        return content_id("conditions", self.appraiser.conditions or {})

    def values(self, genotypes: Genotypes) -> Values:
        """Return the values, float (n,); NaN where there is none.

        Each value is stored as soon as it is known: a killed search repeats only what is in hand.

        Raises:
            SupernetError: the appraiser broke its contract.
        """
        conditions = self.appraiser.conditions
        subnets = subnets_of(self.supernet, genotypes)
        if conditions is None:
            return np.array([self.appraiser(subnet.config) for subnet in subnets])
        found = self._stored()
        missing = list({s.subnet_id: s for s in subnets if s.subnet_id not in found}.values())
        for position, value in self._appraise([subnet.config for subnet in missing]):
            subnet = missing[position]
            found[subnet.subnet_id] = value
            if not np.isnan(value):
                record = Validation.of(
                    subnet_id=subnet.subnet_id,
                    metric=self.objective,
                    value=value,
                    source=self.source,
                    conditions=conditions,
                )
                self.store.write([supernet_of(self.supernet), subnet, record])
        return np.array([found[subnet.subnet_id] for subnet in subnets])

    def _appraise(self, configs: "Sequence[Config]") -> Iterator[tuple[int, float]]:
        if self.fan is None:
            return ((position, self.appraiser(config)) for position, config in enumerate(configs))
        return self.fan.appraise(self.objective, configs)

    def _stored(self) -> dict[str, float]:
        supernet_id = supernet_of(self.supernet).supernet_id
        rows = queries.validated(self.store, supernet_id, self.objective, self.conditions_id)
        return dict(zip(rows["subnet_id"].to_pylist(), rows["value"].to_pylist(), strict=True))


def appraised(
    store: "Store",
    supernet: "Supernet",
    objectives: "Sequence[Objective]",
    given: "Mapping[str, Appraiser]" = MappingProxyType({}),
    fan: "Fan | None" = None,
) -> dict[str, Appraised]:
    """Return the sources of those objectives that an appraiser gives, by objective name.

    Args:
        store: where values are kept.
        supernet: whose sub-networks; its own appraisers come second.
        objectives: what a search wants.
        given: appraisers the user chose, which come first.
        fan: takes over what the supernet's own appraisers do.
    """
    found = {**supernet.appraisers, **given}
    if "naswot" not in found and any(objective.name == "naswot" for objective in objectives):
        from latbase.supernets.accuracy.proxy import Naswot  # noqa: PLC0415 - torch loads here

        found["naswot"] = Naswot(supernet=supernet)
    return {
        each.name: Appraised(
            store=store,
            supernet=supernet,
            objective=each.name,
            appraiser=found[each.name],
            fan=fan if each.name in supernet.appraisers and each.name not in given else None,
        )
        for each in objectives
        if each.name in found
    }


def known_values(
    store: "Store", supernet: "Supernet", objective: str, conditions_id: str, before: datetime
) -> Known:
    """Return what was validated ``before``: accuracy knows no device, so any search may use it."""
    rows = queries.validated(
        store, supernet_of(supernet).supernet_id, objective, conditions_id, before=before
    )
    genotypes = np.array(rows["genotype"].to_pylist(), dtype=np.int8)
    return Known(
        genotypes=genotypes.reshape(-1, supernet.space.p),
        values=np.array(rows["value"].to_pylist(), dtype=np.float64),
    )

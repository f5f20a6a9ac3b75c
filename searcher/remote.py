"""Measure on another host: queue jobs in the store and wait for what its daemon delivers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from latbase.db import queueing
from latbase.db.networks import subnets_of
from latbase.errors import StoreUnreachableError
from latbase.searcher.knowledge import Genotypes

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet

Answer = TypeVar("Answer")

POLL_S = 1.0
"""Seconds between looks at the queue."""

SILENT_S = 90.0
"""Seconds without a heartbeat after which a host is said to be away."""

REPEAT_S = 300.0
"""Seconds after which that is said again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Has sub-networks measured by whichever hosts offer ``configuration_id``.

    It waits as long as it takes: a host that is away may come back, and a killed search finds its
    jobs where they are. Jobs that failed for good leave no value.

    Attributes:
        search_id: the search that asks.
        on_event: told in words what a person should know.
    """

    store: "Store"
    network: "Supernet"
    configuration_id: str
    search_id: str
    on_event: Callable[[str], None]
    poll_s: float = POLL_S

    def __call__(self, genotypes: Genotypes) -> None:
        """Return when every sub-network of int8 (n, p) is measured, failed or cancelled."""
        enqueue = partial(
            queueing.enqueue,
            self.store,
            self.network,
            genotypes,
            self.configuration_id,
            search_id=self.search_id,
        )
        self._patiently(enqueue)
        subnet_ids = [subnet.subnet_id for subnet in subnets_of(self.network, genotypes)]
        waiting = partial(queueing.waiting, self.store, self.configuration_id)
        said_at = -REPEAT_S
        while not self._patiently(waiting).isdisjoint(subnet_ids):
            if time.monotonic() - said_at > REPEAT_S and (away := self._patiently(self._away)):
                self.on_event(away)
                said_at = time.monotonic()
            time.sleep(self.poll_s)
        failures = partial(queueing.failures, self.store, subnet_ids, self.configuration_id)
        for error in self._patiently(failures):
            self.on_event(f"failed: {error}")

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Return the store's answer, however long its service is away."""
        said_at = -REPEAT_S
        while True:
            try:
                return ask()
            except StoreUnreachableError as error:
                if time.monotonic() - said_at > REPEAT_S:
                    self.on_event(f"{error} Still waiting.")
                    said_at = time.monotonic()
            time.sleep(self.poll_s)

    def _away(self) -> str | None:
        """Return what to say if no host of the configuration was heard of lately."""
        silent = queueing.silence_s(self.store, self.configuration_id)
        if silent is not None and silent < SILENT_S:
            return None
        heard = "has ever reported" if silent is None else f"has reported for {silent:.0f} s"
        return (
            f"No host of configuration {self.configuration_id} {heard}; the search waits. "
            "Run latbase daemon run there."
        )

"""Measure into a store: register the host, skip what is known, write each result as it comes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.db import queries
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import Configuration, Subnet
from latbase.profiler.protocol import ProtocolSettings
from latbase.profiler.results import LATENCY
from latbase.profiler.session import Failure, Measured, measure

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.profiler.fingerprint import Fingerprint
    from latbase.supernets import Supernet

Genotypes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """What one profiling run did, counted in sub-networks.

    Attributes:
        known: already measured on that configuration, undisturbed, and left alone.
        measured: measured now and stored.
        failures: could not be measured, with the reason of each.
    """

    known: int
    measured: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Measures sub-networks on this host into a store.

    Attributes:
        store: where results go, one transaction per sub-network.
        network: the supernet.
        fingerprint: of this host.
        state_dir: where unfinished samples are spooled.
        protocol: settings of the measuring protocol.
        device: which device of the configuration's kind, e.g. ``cuda:1``; None for the first.
        loads_as: what the timing child loads the supernet by where that is not its name.
        on_event: is told, in words, when measuring waits or loses its child.
    """

    store: "Store"
    network: "Supernet"
    fingerprint: "Fingerprint"
    state_dir: Path
    protocol: ProtocolSettings
    device: str | None
    loads_as: str
    on_event: Callable[[str], None]

    def profile(
        self,
        genotypes: Genotypes,
        configuration: Configuration,
        on_progress: Callable[[int], None],
        *,
        again: bool = False,
    ) -> Profiled:
        """Measure those of ``genotypes``, int8 (n, p), that the store has no value of.

        What was disturbed whenever it was measured has no value: it is measured once more.
        Every result is stored before the next is asked for; what a killed run had sampled waits in
        the spool and is used by the next one.

        Args:
            genotypes: sub-networks of the supernet.
            configuration: of this host.
            on_progress: is told how many sub-networks are done, those known before included.
            again: measure known ones too.

        Raises:
            InvalidInputError: the configuration asks for more than this process may use.
            MeasurementError: nothing can be measured here at all.
        """
        subnets = self._registered(genotypes, configuration)
        known = set() if again else self._known(subnets, configuration)
        missing = [subnet for key, subnet in subnets.items() if key not in known]
        failures = []
        on_progress(len(known))
        for done, result in enumerate(self._measure(missing, configuration), len(known) + 1):
            if isinstance(result, Failure):
                failures.append(result)
            else:
                self.store.write(result.measurements)
            on_progress(done)
        return Profiled(
            known=len(known), measured=len(missing) - len(failures), failures=tuple(failures)
        )

    def _registered(self, genotypes: Genotypes, configuration: Configuration) -> dict[str, Subnet]:
        """Write what measurements refer to; return the distinct sub-networks by id."""
        subnets = {subnet.subnet_id: subnet for subnet in subnets_of(self.network, genotypes)}
        found = self.fingerprint
        self.store.write(
            [
                found.hardware,
                found.environment,
                found.host,
                configuration,
                supernet_of(self.network),
                *subnets.values(),
            ]
        )
        return subnets

    def _known(self, subnets: dict[str, Subnet], configuration: Configuration) -> set[str]:
        found = queries.newest_values(
            self.store,
            list(subnets),
            configuration_id=configuration.configuration_id,
            metric=LATENCY,
        )
        return set(found)

    def _measure(
        self, missing: Sequence[Subnet], configuration: Configuration
    ) -> Iterator[Measured | Failure]:
        if not missing:
            return  # nothing to start a timing child for
        yield from measure(
            self.network,
            missing,
            configuration,
            fingerprint=self.fingerprint,
            state_dir=self.state_dir,
            protocol=self.protocol,
            device=self.device,
            loads_as=self.loads_as,
            on_event=self.on_event,
        )

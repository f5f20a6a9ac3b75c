"""Measure into a store: register the host, skip what is known, write each result as it comes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from latbase.profiler.session import Failure

from latbase.db.records import Configuration, Subnet, Supernet

if TYPE_CHECKING:
    from latbase.profiler.protocol import ProtocolSettings

    from latbase.db import Store
    from latbase.profiler.fingerprint import Fingerprint
    from latbase.supernets import Supernet as Network

Genotypes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """What one profiling run did, in sub-networks."""

    known: int
    measured: int
    failures: tuple[Failure, ...]


class Recorder:
    """Measures sub-networks of one supernet on one configuration of this host into a store.

    Args:
        store: where results go, one transaction per sub-network.
        network: the supernet.
        configuration: under which its sub-networks are measured.
        fingerprint: of this host.
        state_dir: where unfinished samples are spooled.
        settings: of the measuring protocol.
    """

    def __init__(
        self,
        store: "Store",
        network: "Network",
        configuration: Configuration,
        *,
        fingerprint: "Fingerprint",
        state_dir: Path,
        settings: "ProtocolSettings",
    ) -> None:
        self._store = store
        self._network = network
        self._configuration = configuration
        self._fingerprint = fingerprint
        self._state_dir = state_dir
        self._settings = settings
        self._supernet = Supernet.of(network.name, network.space.definition())

    def subnets(self, genotypes: Genotypes) -> list[Subnet]:
        """Return the store's rows of the sub-networks that genotypes, int8 (n, p), name."""
        canonical = self._network.space.canonical(genotypes)
        return [
            Subnet.of(self._supernet.supernet_id, tuple(row), config)
            for row, config in zip(
                canonical.tolist(), self._network.space.to_configs(canonical), strict=True
            )
        ]

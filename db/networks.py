"""The store's rows of a supernet and its sub-networks, from anything shaped like a supernet."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from latbase.db.records import Subnet, Supernet

Genotypes = npt.NDArray[np.int8]


class Space(Protocol):
    """What is needed of a search space."""

    def canonical(self, g: Genotypes, /) -> Genotypes:
        """Return the canonical form."""

    def to_configs(self, g: Genotypes, /) -> Sequence[Mapping[str, object]]:
        """Return one config per row."""

    def definition(self) -> dict[str, Any]:
        """Return what is hashed into the supernet's id."""


class Network(Protocol):
    """What is needed of a supernet."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def space(self) -> Space:
        """Its search space."""


def supernet_of(network: Network) -> Supernet:
    """Return the row of ``network``."""
    return Supernet.of(network.name, network.space.definition())


def subnets_of(network: Network, genotypes: Genotypes) -> list[Subnet]:
    """Return the rows of the sub-networks that ``genotypes``, int8 (n, p), name."""
    supernet_id = supernet_of(network).supernet_id
    canonical = network.space.canonical(genotypes)
    return [
        Subnet.of(supernet_id, tuple(row), config)
        for row, config in zip(canonical.tolist(), network.space.to_configs(canonical), strict=True)
    ]

"""What the supernets built on the PyPI package ``ofa`` share."""

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets.cost import Cost, CostBlock, CostTables
from latbase.supernets.parameter import Genotypes, Parameter
from latbase.supernets.space import SearchSpace
from latbase.supernets.supernet import Config, Supernet

if TYPE_CHECKING:
    import torch

Chosen = Mapping[str, Sequence[Any]]
"""A checked, canonical configuration in ofa's own format: lists by key."""

PUBLISHED = "https://raw.githubusercontent.com/han-cai/files/master/ofa/ofa_nets/"
"""Where ofa's repository gets its checkpoints from."""

CLASSES = 1000
"""Outputs of every network: ImageNet's."""

_DIVISOR = 8
"""Every channel count is a multiple of this."""


class OfaSupernet(Supernet):
    """An OFA image classifier for 1,000 classes.

    Args:
        name: its name.
        parameters: its elastic parameters, in genotype order.

    Attributes:
        cost_tables: returns the exact costs of every block for inputs of a side in pixels.
    """

    default_input_size = 224

    def __init__(self, name: str, parameters: Sequence[Parameter]) -> None:
        self.name = name
        self.published = PUBLISHED + name
        self._parameters = tuple(parameters)
        self.cost_tables = cache(self._tables_at)
        self.space = SearchSpace(parameters, costs=self.cost_tables(self.default_input_size))

    @abstractmethod
    def _blocks(self, input_size: int) -> list[CostBlock]:
        """List everything that costs, for inputs of that side in pixels."""

    @abstractmethod
    def _whole(self) -> "torch.nn.Module":
        """Make ofa's own supernet of this space."""

    @abstractmethod
    def _module(self, chosen: Chosen) -> "torch.nn.Module":
        """Build the static sub-network; its tensors are filled afterwards."""

    def costs(self, g: Genotypes, input_size: int | None = None) -> npt.NDArray[np.int64]:
        """Return exact MACs (per item) and parameters of each sub-network, int64 (n, 2)."""
        self.space.check(g)
        side = self.default_input_size if input_size is None else input_size
        return self.cost_tables(side).totals(g)

    def build(self, config: Config) -> "torch.nn.Module":
        """Return the static sub-network of ``config`` in eval mode.

        With trained weights its batch statistics are the supernet's: recalibrate them.
        """
        from latbase.supernets.filling import build_filled  # noqa: PLC0415 - torch loads here

        canonical = self.space.canonical(self.space.from_configs([config]))
        chosen: Any = self.space.to_configs(canonical)[0]
        network = build_filled(lambda: self._module(chosen))
        if self.weights is not None:
            from latbase.supernets.ofa_compat import active_weights  # noqa: PLC0415 - as above

            network.load_state_dict(active_weights(self._trained, chosen))
        return network

    def with_weights(self, weights: Path) -> Self:
        """Return the same supernet with the weights of a published checkpoint."""
        other = copy.copy(self)
        other.weights = weights
        other.__dict__.pop("_trained", None)
        return other

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> "tuple[torch.Tensor, ...]":
        """Return one batch of standard normal images, float32 (batch_size, 3, side, side)."""
        import torch  # noqa: PLC0415 - a space must load without torch

        side = self.default_input_size if input_size is None else input_size
        generator = torch.Generator().manual_seed(seed)
        return (torch.randn(batch_size, 3, side, side, generator=generator),)

    @cached_property
    def _trained(self) -> "torch.nn.Module":
        from latbase.supernets.ofa_compat import load_elastic  # noqa: PLC0415 - torch loads here

        assert self.weights is not None
        return load_elastic(self._whole(), self.weights)

    def _tables_at(self, input_size: int) -> CostTables:
        if input_size < 1:
            raise InvalidInputError(f"Input size {input_size}: expected a side in pixels, above 0.")
        return CostTables(self._parameters, self._blocks(input_size))


def make_divisible(channels: float) -> int:
    """Round to a multiple of 8 as ofa does: never more than a tenth down."""
    rounded = max(_DIVISOR, int(channels + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return rounded + _DIVISOR if rounded < 0.9 * channels else rounded


def fixed(cost: Cost) -> CostBlock:
    """Return the part of the network that no parameter changes."""
    return CostBlock(name="fixed", stage="fixed", parameters=(), cost=lambda: cost)


def strided(side: int, stride: int) -> int:
    """Return the output side of a padded convolution or pooling: rounded up."""
    return -(-side // stride)

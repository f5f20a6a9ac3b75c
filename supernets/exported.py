"""The directory of an exported sub-network, as a supernet: the written weights are what is built.

Latencies of an exported sub-network are measured through it, so that what was written is timed.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets.parameter import Genotypes
from latbase.supernets.supernet import Config, Supernet

if TYPE_CHECKING:
    import torch

SUBNET_FILE, WEIGHTS_FILE = "subnet.json", "weights.safetensors"
"""What the sub-network is, and its state dict."""


class ExportedSupernet(Supernet):
    """A supernet, one of whose sub-networks has the weights of a file.

    Name, space and so all ids are the supernet's own.

    Args:
        net: the supernet.
        config: the exported sub-network.
        folder: holds its weights.
    """

    def __init__(self, net: Supernet, config: Config, folder: Path) -> None:
        self._net = net
        self._genotype = net.space.canonical(net.space.from_configs([config]))
        self._weights = folder / WEIGHTS_FILE
        self.name, self.space, self.appraisers = net.name, net.space, net.appraisers
        self.default_input_size = net.default_input_size

    @property
    def weights_origin(self) -> str:
        """The file, for the one sub-network."""
        return f"from {self._weights}"

    def build(self, config: Config) -> "torch.nn.Module":
        """Return the sub-network of ``config``; the exported one with the file's weights.

        Raises:
            InvalidInputError: ``config`` is no sub-network, or the file does not fit it.
        """
        network = self._net.build(config)
        if np.array_equal(self.space.canonical(self.space.from_configs([config])), self._genotype):
            load_weights(network, self._weights)
        return network

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> "tuple[torch.Tensor, ...]":
        """Return the supernet's random inputs."""
        return self._net.inputs(batch_size, input_size, seed)

    def costs(self, g: Genotypes, input_size: int | None = None) -> npt.NDArray[np.int64]:
        """Return the supernet's exact MACs (per item) and parameters, int64 (n, 2)."""
        return self._net.costs(g, input_size)


def load_weights(network: "torch.nn.Module", path: Path) -> None:
    """Put the weights in ``path`` into ``network``.

    Raises:
        InvalidInputError: the file lacks some of the network's tensors, or has others.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 - torch loads here
    from torch.nn import Module  # noqa: PLC0415 - as above

    try:
        # The base class's: ofa's networks override it with one that checks nothing.
        Module.load_state_dict(network, load_file(path))
    except RuntimeError as error:
        raise InvalidInputError(f"{path} does not fit the sub-network: {error}") from error

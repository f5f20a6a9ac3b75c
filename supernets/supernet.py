"""What a supernet offers: its space, exact costs, and its sub-networks as modules."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError, UnknownNameError
from latbase.supernets.accuracy.appraiser import Appraiser
from latbase.supernets.accuracy.predicted import Top1Predictor
from latbase.supernets.cost import Cost
from latbase.supernets.parameter import Genotypes
from latbase.supernets.space import SearchSpace

if TYPE_CHECKING:
    import torch

Config = Mapping[str, object]
"""One sub-network as the supernet's own framework writes it."""

NOTHING_TO_BUILD = 0
"""``default_input_size`` of a space that only exists as recorded values."""


class Supernet(ABC):
    """A weight-sharing network whose elastic parameters span a search space.

    Attributes:
        name: unique; part of the supernet's id.
        space: its sub-networks as genotypes.
        default_input_size: input side in pixels, or sequence length in tokens.
        appraisers: by objective name, values that come with the supernet and take their time.
        weights: file of trained weights; None: random-like ones, or the supernet's own.
        published: address of the weights its authors publish, if they do.
    """

    name: str
    space: SearchSpace
    default_input_size: int
    appraisers: Mapping[str, Appraiser] = MappingProxyType({})
    weights: Path | None = None
    published: str | None = None

    @abstractmethod
    def build(self, config: Config) -> "torch.nn.Module":
        """Return the static sub-network of ``config`` in eval mode.

        Its weights are deterministic, random-like and of a healthy scale; they are not trained.

        Raises:
            InvalidInputError: ``config`` is no sub-network of the space.
        """

    def finished(self, config: Config) -> "torch.nn.Module":
        """Return the sub-network of ``config`` as it is validated, such as with fresh statistics.

        Raises:
            InvalidInputError: ``config`` is no sub-network of the space.
        """
        return self.build(config)

    @abstractmethod
    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> "tuple[torch.Tensor, ...]":
        """Return random positional inputs of a forward pass; None: ``default_input_size``."""

    @abstractmethod
    def costs(self, g: Genotypes, input_size: int | None = None) -> npt.NDArray[np.int64]:
        """Return exact MACs (per item) and parameters of each sub-network, int64 (n, 2)."""

    def cost(self, config: Config, input_size: int | None = None) -> Cost:
        """Return exact MACs (per item) and parameters of one sub-network.

        Raises:
            InvalidInputError: ``config`` is no sub-network of the space.
        """
        macs, params = self.costs(self.space.from_configs([config]), input_size)[0].tolist()
        return Cost(macs=macs, params=params)

    def with_weights(self, weights: Path) -> "Supernet":
        """Return the same supernet with trained weights of a file.

        Raises:
            InvalidInputError: it takes none.
        """
        raise InvalidInputError(
            f"{self.name} takes no weights from {weights}; its own class loads them."
        )

    @property
    def weights_origin(self) -> str:
        """Where the weights of built sub-networks come from, in words."""
        return f"trained, from {self.weights}" if self.weights else "random-like, not trained"

    @property
    def top1_predictor(self) -> Top1Predictor | None:
        """The bundled predictor of :meth:`predicted_top1`, its source and held-out scores."""
        return None

    def predicted_top1(self, g: Genotypes) -> npt.NDArray[np.float64]:
        """Predict ImageNet top-1 in percent at ``default_input_size``, (n,).

        Raises:
            UnknownNameError: this supernet comes without a predictor.
        """
        if self.top1_predictor is None:
            raise UnknownNameError(
                f"{self.name} has no bundled top-1 predictor; choose other objectives "
                "(latency_ms, macs, params), or a supernet that has one."
            )
        return self.top1_predictor.model.predict(self.space.features(g))

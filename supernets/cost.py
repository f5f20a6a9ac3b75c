"""Analytic multiply-accumulates (MACs) and parameters, exact, through per-block tables.

Counted as OFA does: MACs of convolutions and linear layers only, squeeze-and-excitation included,
biases free; parameters are weights, biases and the affine pair of batch normalisation.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Self

import numpy as np
import numpy.typing as npt

from latbase.supernets.parameter import Genotypes, Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Multiply-accumulates of one forward pass of one item, and parameters."""

    macs: int
    params: int

    def __add__(self, other: Self) -> "Cost":
        return Cost(macs=self.macs + other.macs, params=self.params + other.params)


NOTHING = Cost(macs=0, params=0)
"""The cost of a block that is not there."""


def convolution(
    inputs: int, outputs: int, kernel: int, side: int, *, groups: int = 1, norm: bool = True
) -> Cost:
    """Cost of a bias-free square convolution with ``side`` by ``side`` outputs.

    ``norm`` adds the affine parameters of the batch normalisation behind it.
    """
    weights = outputs * (inputs // groups) * kernel**2
    return Cost(macs=weights * side**2, params=weights + 2 * outputs * norm)


def linear(inputs: int, outputs: int) -> Cost:
    """Cost of a linear layer with bias."""
    return Cost(macs=inputs * outputs, params=(inputs + 1) * outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBlock:
    """A part of the network whose cost follows from a few parameters.

    Attributes:
        name: shown in feature names; a block without parameters is fixed and has no features.
        stage: the blocks of a stage are also summed, if there are several.
        parameters: names of the parameters its cost depends on.
        cost: takes their values in that order.
    """

    name: str
    stage: str
    parameters: tuple[str, ...]
    cost: Callable[..., Cost]


class CostTables:
    """Costs of all blocks for every combination of the parameters each depends on.

    Everything is float64 and exact: costs stay far below 2**53.
    """

    def __init__(self, parameters: Sequence[Parameter], blocks: Sequence[CostBlock]) -> None:
        position = {parameter.name: i for i, parameter in enumerate(parameters)}
        self._weights = np.zeros((len(parameters), len(blocks)), dtype=np.float32)
        self._offsets = np.zeros(len(blocks), dtype=np.float32)
        rows: list[tuple[int, int]] = []
        for column, block in enumerate(blocks):
            axes = [parameters[position[name]].values for name in block.parameters]
            for axis, name in enumerate(block.parameters):
                self._weights[position[name], column] += prod(map(len, axes[axis + 1 :]))
            self._offsets[column] = len(rows)
            costs = [block.cost(*values) for values in product(*axes)]
            rows.extend((cost.macs, cost.params) for cost in costs)
        self._macs, self._params = np.array(rows, dtype=np.float64).T.copy()
        self._sums, names = _sums(blocks)
        self.feature_names = tuple(
            f"{n} {unit}".strip() for unit in ("macs", "params") for n in names
        )

    def totals(self, g: Genotypes) -> npt.NDArray[np.int64]:
        """Return total MACs and parameters, int64 (n, 2)."""
        codes = self._block_codes(g)
        macs, params = self._macs[codes].sum(axis=1), self._params[codes].sum(axis=1)
        return np.stack([macs, params], axis=1).astype(np.int64)

    def features(self, g: Genotypes, out: npt.NDArray[np.float64]) -> None:
        """Write MACs, then parameters, per block, per stage and in total, into ``out`` (n, f)."""
        codes = self._block_codes(g)
        half = self._sums.shape[1]
        out[:, :half] = self._macs[codes] @ self._sums
        out[:, half:] = self._params[codes] @ self._sums

    def _block_codes(self, g: Genotypes) -> npt.NDArray[np.intp]:
        """Return each block's row in the tables, (n, blocks); small integers, exact in float32."""
        return (g.astype(np.float32) @ self._weights + self._offsets).astype(np.intp)


def _sums(blocks: Sequence[CostBlock]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return which blocks each cost feature adds up, (blocks, features), and its name."""
    elastic = [block for block in blocks if block.parameters]
    blocks_of = Counter(block.stage for block in elastic)
    stages = [stage for stage, count in blocks_of.items() if count > 1]
    columns = [[block is one for block in blocks] for one in elastic]
    columns += [[bool(b.parameters) and b.stage == stage for b in blocks] for stage in stages]
    columns += [[True] * len(blocks)]
    names = [f"block {block.name}" for block in elastic] + [f"stage {stage}" for stage in stages]
    return np.array(columns, dtype=np.float64).T, [*names, ""]

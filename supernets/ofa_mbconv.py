"""Spaces of inverted-residual (MBConv) stages: elastic kernel, expansion and depth.

OFA's MobileNetV3 and ProxylessNAS share them; they differ in stem and head. A configuration is
``{"ks": [...], "e": [...], "d": [...]}``: kernel and expansion of every block, depth of every
stage. A block deeper than its stage's depth does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latbase.supernets.cost import NOTHING, Cost, CostBlock, convolution
from latbase.supernets.ofa_supernet import Chosen, make_divisible, strided
from latbase.supernets.parameter import Parameter

if TYPE_CHECKING:
    from torch import nn

KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 3, 4)
CHOICES = {
    "ks_list": list(KERNELS),
    "expand_ratio_list": list(EXPANSIONS),
    "depth_list": list(DEPTHS),
}
"""The same, as arguments of ofa's own supernets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of blocks.

    Attributes:
        width: output channels.
        stride: of its first block.
        activation: ofa's name of it.
        squeeze: whether blocks have squeeze-and-excitation.
        depths: numbers of blocks it can have.
    """

    width: int
    stride: int
    activation: str
    squeeze: bool
    depths: tuple[int, ...] = DEPTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block at its deepest: what does not depend on the configuration.

    Attributes:
        index: its position in ``ks`` and ``e``.
        stage: index of its stage, its position in ``d``.
        place: how many blocks of the stage come before it.
        inputs: input channels.
        stride: of its depthwise convolution.
        spec: its stage.
    """

    index: int
    stage: int
    place: int
    inputs: int
    stride: int
    spec: Stage

    @property
    def residual(self) -> bool:
        """Whether its input is added to its output."""
        return self.stride == 1 and self.inputs == self.spec.width

    def middle(self, expansion: float) -> int:
        """Return the channels between expansion and projection."""
        return make_divisible(round(self.inputs * expansion))


def lay_out(inputs: int, stages: Sequence[Stage]) -> list[Block]:
    """List the blocks of ``stages`` behind ``inputs`` channels, every stage at its deepest."""
    blocks: list[Block] = []
    for number, stage in enumerate(stages):
        for place in range(max(stage.depths)):
            block = Block(
                index=len(blocks),
                stage=number,
                place=place,
                inputs=stage.width if place else inputs,
                stride=1 if place else stage.stride,
                spec=stage,
            )
            blocks.append(block)
        inputs = stage.width
    return blocks


def parameters(blocks: Sequence[Block]) -> list[Parameter]:
    """Return the elastic parameters of ``blocks``: all ks, all e, all d."""
    found = []
    for key, values in (("ks", KERNELS), ("e", EXPANSIONS)):
        for b in blocks:
            deep_enough = tuple(d for d in b.spec.depths if d > b.place)
            found.append(Parameter(f"{key}[{b.index}]", values, f"d[{b.stage}]", deep_enough))
    return found + [
        Parameter(f"d[{b.stage}]", b.spec.depths, aliases=_aliases(b.spec))
        for b in blocks
        if b.place == 0
    ]


def cost_blocks(blocks: Sequence[Block], side: int) -> tuple[list[CostBlock], int]:
    """Return the costs of ``blocks`` fed with ``side`` pixels, and the side they put out."""
    found = []
    for block in blocks:
        found.append(_cost_block(block, side))
        side = strided(side, block.stride)
    return found, side


def modules(blocks: Sequence[Block], chosen: Chosen) -> "list[nn.Module]":
    """Build the blocks that exist in the sub-network of ``chosen``."""
    from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

    found = []
    for block in blocks:
        if block.place >= chosen["d"][block.stage]:
            continue
        spec, expansion = block.spec, chosen["e"][block.index]
        layer = ofa.MBConvLayer(
            block.inputs,
            spec.width,
            chosen["ks"][block.index],
            block.stride,
            expansion,
            mid_channels=block.middle(expansion),
            act_func=spec.activation,
            use_se=spec.squeeze,
        )
        identity = ofa.IdentityLayer(spec.width, spec.width) if block.residual else None
        found.append(ofa.ResidualBlock(layer, identity))
    return found


def separable(
    inputs: int, outputs: int, kernel: int, sides: tuple[int, int], *, middle: int, squeeze: bool
) -> Cost:
    """Cost of an MBConv block: expand (unless ``middle`` is ``inputs``), depthwise, project."""
    before, after = sides
    cost = convolution(middle, middle, kernel, after, groups=middle)
    cost += convolution(middle, outputs, 1, after)
    if middle != inputs:
        cost += convolution(inputs, middle, 1, before)
    return cost + _squeeze(middle) if squeeze else cost


def _cost_block(block: Block, side: int) -> CostBlock:
    sides = (side, strided(side, block.stride))

    def cost(kernel: int, expansion: int, depth: int) -> Cost:
        if depth <= block.place:
            return NOTHING
        middle, spec = block.middle(expansion), block.spec
        return separable(
            block.inputs, spec.width, kernel, sides, middle=middle, squeeze=spec.squeeze
        )

    return CostBlock(
        name=f"{block.stage}.{block.place}",
        stage=str(block.stage),
        parameters=(f"ks[{block.index}]", f"e[{block.index}]", f"d[{block.stage}]"),
        cost=cost,
    )


def _squeeze(channels: int) -> Cost:
    """Cost of squeeze-and-excitation: two 1x1 convolutions with bias on one pixel."""
    middle = make_divisible(channels // 4)
    weights = 2 * channels * middle
    return Cost(macs=weights, params=weights + middle + channels)


def _aliases(stage: Stage) -> tuple[tuple[int, int], ...]:
    """Deeper than the deepest builds the deepest: ofa writes any depth for a one-block stage."""
    deepest = max(stage.depths)
    return tuple((depth, deepest) for depth in DEPTHS if depth > deepest)

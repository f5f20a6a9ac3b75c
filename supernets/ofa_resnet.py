"""OFA ResNet50 (Cai et al., Once for All, ICLR 2020).

A configuration is ``{"d": [...], "e": [...], "w": [...]}``: ``d[0]`` decides about the second
stem convolution, ``d[1]``-``d[4]`` add blocks to the stages, ``e`` is the expansion of each of the
18 blocks, ``w`` indexes the width multiplier of stem (twice) and stages.

Two of its parameters have values that build the same network, and have one value less here:
``d[0]`` 0 and 1 both leave the convolution out, and ``w[0]`` 0 and 1 both round to 24 channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latbase.supernets.cost import NOTHING, Cost, CostBlock, convolution, linear
from latbase.supernets.ofa_supernet import (
    CLASSES,
    PUBLISHED,
    Chosen,
    OfaSupernet,
    make_divisible,
    strided,
)
from latbase.supernets.parameter import Parameter

if TYPE_CHECKING:
    from torch import nn

_DEPTHS = (0, 1, 2)
_EXPANSIONS = (0.2, 0.25, 0.35)
_WIDTHS = (0.65, 0.8, 1.0)
_STEM = tuple(make_divisible(64 * width) for width in _WIDTHS)
_STEM_MIDDLE = tuple(make_divisible(channels // 2) for channels in _STEM)
_STAGES = ((256, 1, 2), (512, 2, 2), (1024, 2, 4), (2048, 2, 2))
"""Channels at width 1, stride, blocks at depth 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One bottleneck block at its deepest.

    Attributes:
        index: its position in ``e``.
        stage: 0 to 3; its depth is ``d[stage + 1]``, its width ``w[stage + 2]``.
        place: how many blocks of the stage come before it.
        base: blocks the stage has at depth 0.
        stride: of its middle convolution.
        inputs: input channels by the index of the width that decides them.
        outputs: output channels by width index.
    """

    index: int
    stage: int
    place: int
    base: int
    stride: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def names(self) -> tuple[str, str, str, str]:
        """Names of its parameters: width before, width, expansion, depth."""
        before = self.stage + 2 if self.place else self.stage + 1
        return f"w[{before}]", f"w[{self.stage + 2}]", f"e[{self.index}]", f"d[{self.stage + 1}]"

    @property
    def depths(self) -> tuple[int, ...]:
        """Depths of its stage at which it exists."""
        return tuple(depth for depth in _DEPTHS if self.place < self.base + depth)


def _lay_out() -> list[Block]:
    blocks: list[Block] = []
    inputs = _STEM
    for stage, (channels, stride, base) in enumerate(_STAGES):
        outputs = tuple(make_divisible(channels * width) for width in _WIDTHS)
        for place in range(base + max(_DEPTHS)):
            block = Block(
                index=len(blocks),
                stage=stage,
                place=place,
                base=base,
                stride=1 if place else stride,
                inputs=outputs if place else inputs,
                outputs=outputs,
            )
            blocks.append(block)
        inputs = outputs
    return blocks


_BLOCKS = tuple(_lay_out())


class OfaResNet50(OfaSupernet):
    """OFA ResNet50 with elastic depth, expansion and width: 18 blocks in four stages."""

    def __init__(self, name: str) -> None:
        super().__init__(name, _parameters())
        self.published = f"{PUBLISHED}ofa_resnet50_d=0+1+2_e=0.2+0.25+0.35_w=0.65+0.8+1.0"

    def _blocks(self, input_size: int) -> list[CostBlock]:
        stem_side = strided(input_size, 2)
        found = [_stem_cost_block(stem_side)]
        side = strided(stem_side, 2)
        for block in _BLOCKS:
            found.append(_cost_block(block, side))
            side = strided(side, block.stride)
        classifier = CostBlock(
            name="classifier",
            stage="classifier",
            parameters=("w[5]",),
            cost=lambda width: linear(_BLOCKS[-1].outputs[width], CLASSES),
        )
        return [*found, classifier]

    def _whole(self) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        network: nn.Module = ofa.OFAResNets(
            dropout_rate=0,
            depth_list=list(_DEPTHS),
            expand_ratio_list=list(_EXPANSIONS),
            width_mult_list=list(_WIDTHS),
        )
        return network

    def _module(self, chosen: Chosen) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        width, depth = chosen["w"], chosen["d"]
        blocks = [
            _block_module(block, width, chosen["e"][block.index])
            for block in _BLOCKS
            if depth[block.stage + 1] in block.depths
        ]
        classifier = ofa.LinearLayer(_BLOCKS[-1].outputs[width[5]], CLASSES)
        network: nn.Module = ofa.ResNets(
            _stem_modules(width[0], width[1], depth[0]), blocks, classifier
        )
        return network


def _parameters() -> list[Parameter]:
    depth = [Parameter("d[0]", (0, 2), aliases=((1, 0),))]
    depth += [Parameter(f"d[{i}]", _DEPTHS) for i in range(1, len(_STAGES) + 1)]
    expansion = [
        Parameter(block.names[2], _EXPANSIONS, block.names[3], block.depths) for block in _BLOCKS
    ]
    width = [Parameter("w[0]", (0, 2), aliases=((1, 0),))]
    width += [Parameter(f"w[{i}]", (0, 1, 2)) for i in range(1, len(_STAGES) + 2)]
    return depth + expansion + width


def _stem_cost_block(side: int) -> CostBlock:
    def cost(middle_width: int, width: int, depth: int) -> Cost:
        middle = _STEM_MIDDLE[middle_width]
        skipped = convolution(middle, middle, 3, side) if depth == max(_DEPTHS) else NOTHING
        return (
            convolution(3, middle, 3, side) + skipped + convolution(middle, _STEM[width], 3, side)
        )

    parameters = ("w[0]", "w[1]", "d[0]")
    return CostBlock(name="stem", stage="stem", parameters=parameters, cost=cost)


def _cost_block(block: Block, side: int) -> CostBlock:
    after = strided(side, block.stride)

    def cost(before: int, width: int, expansion: float, depth: int) -> Cost:
        if depth not in block.depths:
            return NOTHING
        inputs, outputs = block.inputs[before], block.outputs[width]
        middle = make_divisible(round(outputs * expansion))
        return (
            convolution(inputs, middle, 1, side)
            + convolution(middle, middle, 3, after)
            + convolution(middle, outputs, 1, after)
            + (NOTHING if block.place else convolution(inputs, outputs, 1, after))
        )

    return CostBlock(
        name=f"{block.stage}.{block.place}",
        stage=str(block.stage),
        parameters=block.names,
        cost=cost,
    )


def _stem_modules(middle_width: int, width: int, depth: int) -> "list[nn.Module]":
    from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

    middle = _STEM_MIDDLE[middle_width]
    skipped = ofa.ResidualBlock(ofa.ConvLayer(middle, middle, 3), ofa.IdentityLayer(middle, middle))
    return [
        ofa.ConvLayer(3, middle, 3, 2),
        *([skipped] if depth == max(_DEPTHS) else []),
        ofa.ConvLayer(middle, _STEM[width], 3),
    ]


def _block_module(block: Block, width: Sequence[int], expansion: float) -> "nn.Module":
    from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

    inputs = block.inputs[width[block.stage + 2 if block.place else block.stage + 1]]
    outputs = block.outputs[width[block.stage + 2]]
    made: nn.Module = ofa.ResNetBottleneckBlock(inputs, outputs, 3, block.stride, expansion)
    return made


def resnet50() -> OfaResNet50:
    """Return the space."""
    return OfaResNet50("ofa_resnet50")

"""OFA MobileNetV3 (Cai et al., Once for All, ICLR 2020)."""

from functools import cached_property
from typing import TYPE_CHECKING

from latbase.supernets import ofa_mbconv
from latbase.supernets.accuracy.predicted import Top1Predictor
from latbase.supernets.cost import CostBlock, convolution, linear
from latbase.supernets.ofa_mbconv import DEPTHS, EXPANSIONS, Stage
from latbase.supernets.ofa_supernet import (
    CLASSES,
    Chosen,
    OfaSupernet,
    fixed,
    make_divisible,
    strided,
)
from latbase.supernets.space import Allowed, SearchSpace

if TYPE_CHECKING:
    from torch import nn

_STEM, _FINAL, _LAST = 16, 960, 1280
_STAGES = (
    (24, 2, "relu", False),
    (40, 2, "relu", True),
    (80, 2, "h_swish", False),
    (112, 1, "h_swish", True),
    (160, 2, "h_swish", True),
)
"""Channels at width 1.0, stride, activation, squeeze-and-excitation."""

_COMPOUND_KERNELS = (3, 5, 3, 3, 5)
"""CompOFA's kernel in each stage."""


class OfaMobileNetV3(OfaSupernet):
    """OFA MobileNetV3 with elastic depth, expansion and kernel: 20 blocks in five stages.

    Args:
        name: its name.
        width: multiplier of all channels.
        top1_file: the bundled top-1 predictor of that width.
    """

    def __init__(self, name: str, width: float, top1_file: str | None = None) -> None:
        self._width = width
        self._top1_file = top1_file
        self._stem, self._final, self._last = (
            make_divisible(channels * width) for channels in (_STEM, _FINAL, _LAST)
        )
        self._elastic = ofa_mbconv.lay_out(
            self._stem,
            [
                Stage(width=make_divisible(c * width), stride=s, activation=a, squeeze=se)
                for c, s, a, se in _STAGES
            ],
        )
        super().__init__(name, ofa_mbconv.parameters(self._elastic))

    @cached_property
    def top1_predictor(self) -> Top1Predictor | None:
        """The bundled predictor of :meth:`predicted_top1`, its source and held-out scores."""
        if self._top1_file is None:
            return None
        return Top1Predictor.bundled(self._top1_file, self.space.feature_names)

    def compound_space(self, *, elastic_kernels: bool = False) -> SearchSpace:
        """Return CompOFA's part of the space (Sahni et al., ICLR 2021).

        The depth of a stage decides the expansion of its blocks, 2, 3, 4 blocks going with 3, 4,
        6. Kernels are MobileNetV3's own (243 sub-networks) unless ``elastic_kernels``.
        """
        allowed: dict[str, Allowed] = {}
        for block in self._elastic:
            expansion, kernel = f"e[{block.index}]", f"ks[{block.index}]"
            allowed[expansion] = {d: (e,) for d, e in zip(DEPTHS, EXPANSIONS, strict=True)}
            if not elastic_kernels:
                allowed[kernel] = (_COMPOUND_KERNELS[block.stage],)
        return self.space.restrict(allowed)

    def _blocks(self, input_size: int) -> list[CostBlock]:
        stem, side = self._stem, strided(input_size, 2)
        first = ofa_mbconv.separable(stem, stem, 3, (side, side), middle=stem, squeeze=False)
        elastic, last_side = ofa_mbconv.cost_blocks(self._elastic, side)
        rest = (
            convolution(3, stem, 3, side)
            + first
            + convolution(self._elastic[-1].spec.width, self._final, 1, last_side)
            + convolution(self._final, self._last, 1, 1, norm=False)
            + linear(self._last, CLASSES)
        )
        return [*elastic, fixed(rest)]

    def _whole(self) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        network: nn.Module = ofa.OFAMobileNetV3(
            width_mult=self._width, dropout_rate=0, **ofa_mbconv.CHOICES
        )
        return network

    def _module(self, chosen: Chosen) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        stem, width = self._stem, self._elastic[-1].spec.width
        first = ofa.MBConvLayer(stem, stem, 3, 1, 1, act_func="relu")
        network: nn.Module = ofa.MobileNetV3(
            ofa.ConvLayer(3, stem, 3, 2, act_func="h_swish"),
            [
                ofa.ResidualBlock(first, ofa.IdentityLayer(stem, stem)),
                *ofa_mbconv.modules(self._elastic, chosen),
            ],
            ofa.ConvLayer(width, self._final, 1, act_func="h_swish"),
            ofa.ConvLayer(self._final, self._last, 1, use_bn=False, act_func="h_swish"),
            ofa.LinearLayer(self._last, CLASSES),
        )
        return network


def w10() -> OfaMobileNetV3:
    """Return the space at width 1.0."""
    return OfaMobileNetV3("ofa_mbv3_d234_e346_k357_w1.0", 1.0, "ofa_mbv3_w10_top1.json")


def compound() -> OfaMobileNetV3:
    """Return CompOFA's 243 sub-networks of width 1.0."""
    return _compound("compofa_mbv3_w1.0")


def compound_k357() -> OfaMobileNetV3:
    """Return CompOFA's sub-networks of width 1.0 with elastic kernels."""
    return _compound("compofa_mbv3_k357_w1.0", elastic_kernels=True)


def _compound(name: str, *, elastic_kernels: bool = False) -> OfaMobileNetV3:
    """Return a supernet of its own, so that its searches are not taken for those of OFA's.

    Weights and predicted top-1 are OFA's, of which its sub-networks are a part.
    """
    net = OfaMobileNetV3(name, 1.0, "ofa_mbv3_w10_top1.json")
    net.space = net.compound_space(elastic_kernels=elastic_kernels)
    net.published = w10().published
    return net


def w12() -> OfaMobileNetV3:
    """Return the space at width 1.2."""
    return OfaMobileNetV3("ofa_mbv3_d234_e346_k357_w1.2", 1.2)

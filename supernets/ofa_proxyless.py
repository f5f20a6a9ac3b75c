"""OFA ProxylessNAS (Cai et al., Once for All, ICLR 2020)."""

from typing import TYPE_CHECKING

from latbase.supernets import ofa_mbconv
from latbase.supernets.cost import CostBlock, convolution, linear
from latbase.supernets.ofa_mbconv import DEPTHS, Stage
from latbase.supernets.ofa_supernet import (
    CLASSES,
    Chosen,
    OfaSupernet,
    fixed,
    make_divisible,
    strided,
)

if TYPE_CHECKING:
    from torch import nn

_STEM, _FIRST, _LAST = 32, 16, 1280
_STAGES = (
    (24, 2, DEPTHS),
    (40, 2, DEPTHS),
    (80, 2, DEPTHS),
    (96, 1, DEPTHS),
    (192, 2, DEPTHS),
    (320, 1, (1,)),
)
"""Channels at width 1.0, stride, depths."""


class OfaProxyless(OfaSupernet):
    """OFA ProxylessNAS: 21 blocks in six stages, of which the last always has one."""

    def __init__(self, name: str, width: float) -> None:
        self._width = width
        self._stem, self._first, self._last = (
            make_divisible(channels * width) for channels in (_STEM, _FIRST, _LAST)
        )
        self._elastic = ofa_mbconv.lay_out(
            self._first,
            [
                Stage(
                    width=make_divisible(c * width),
                    stride=s,
                    activation="relu6",
                    squeeze=False,
                    depths=depths,
                )
                for c, s, depths in _STAGES
            ],
        )
        super().__init__(name, ofa_mbconv.parameters(self._elastic))

    def _blocks(self, input_size: int) -> list[CostBlock]:
        stem, side = self._stem, strided(input_size, 2)
        elastic, last_side = ofa_mbconv.cost_blocks(self._elastic, side)
        rest = (
            convolution(3, stem, 3, side)
            + ofa_mbconv.separable(stem, self._first, 3, (side, side), middle=stem, squeeze=False)
            + convolution(self._elastic[-1].spec.width, self._last, 1, last_side)
            + linear(self._last, CLASSES)
        )
        return [*elastic, fixed(rest)]

    def _whole(self) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        network: nn.Module = ofa.OFAProxylessNASNets(
            base_stage_width="proxyless",
            width_mult=self._width,
            dropout_rate=0,
            **ofa_mbconv.CHOICES,
        )
        return network

    def _module(self, chosen: Chosen) -> "nn.Module":
        from latbase.supernets import ofa_compat as ofa  # noqa: PLC0415 - torch loads here

        first = ofa.MBConvLayer(self._stem, self._first, 3, 1, 1, act_func="relu6")
        network = ofa.ProxylessNASNets(
            ofa.ConvLayer(3, self._stem, 3, 2, act_func="relu6"),
            [ofa.ResidualBlock(first, None), *ofa_mbconv.modules(self._elastic, chosen)],
            ofa.ConvLayer(self._elastic[-1].spec.width, self._last, 1, act_func="relu6"),
            ofa.LinearLayer(self._last, CLASSES),
        )
        network.set_bn_param(momentum=0.1, eps=1e-3)
        module: nn.Module = network
        return module


def w13() -> OfaProxyless:
    """Return the space at width 1.3."""
    return OfaProxyless("ofa_proxyless_d234_e346_k357_w1.3", 1.3)

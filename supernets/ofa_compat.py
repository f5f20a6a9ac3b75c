"""The one place that makes ``ofa`` importable on torch 2.

``ofa.utils`` pulls a forked data loader that needs ``torch._six`` and torchvision; nothing here
needs that loader, so an empty module stands in for it before the first import.
"""

import sys
import types

sys.modules.setdefault("ofa.utils.my_dataloader", types.ModuleType("ofa.utils.my_dataloader"))

from ofa.imagenet_classification.networks import (  # noqa: E402 - the stand-in comes first
    MobileNetV3,
    ProxylessNASNets,
    ResNets,
)
from ofa.utils.layers import (  # noqa: E402 - the stand-in comes first
    ConvLayer,
    IdentityLayer,
    LinearLayer,
    MBConvLayer,
    ResidualBlock,
    ResNetBottleneckBlock,
)

__all__ = [
    "ConvLayer",
    "IdentityLayer",
    "LinearLayer",
    "MBConvLayer",
    "MobileNetV3",
    "ProxylessNASNets",
    "ResNetBottleneckBlock",
    "ResNets",
    "ResidualBlock",
]

"""The one place that makes ``ofa`` importable on torch 2.

``ofa.utils`` pulls a forked data loader that needs ``torch._six`` and torchvision; nothing here
needs that loader, so an empty module stands in for it before the first import.
"""

import pickle
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from latbase.supernets.weights import unfit

sys.modules.setdefault("ofa.utils.my_dataloader", types.ModuleType("ofa.utils.my_dataloader"))

from ofa.imagenet_classification.elastic_nn.networks import (  # noqa: E402 - as below
    OFAMobileNetV3,
    OFAProxylessNASNets,
    OFAResNets,
)
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
    "OFAMobileNetV3",
    "OFAProxylessNASNets",
    "OFAResNets",
    "ProxylessNASNets",
    "ResNetBottleneckBlock",
    "ResNets",
    "ResidualBlock",
    "active_weights",
    "load_elastic",
]


def load_elastic(elastic: nn.Module, path: Path) -> nn.Module:
    """Return ``elastic``, one of ofa's own supernets, with the weights of a published file.

    Raises:
        InvalidInputError: the file cannot be read, or holds another network.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        elastic.load_state_dict(found["state_dict"])
    except (
        OSError,
        EOFError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise unfit(path, type(elastic).__name__, error) from error
    return elastic.eval()


def active_weights(elastic: Any, chosen: Mapping[str, Sequence[Any]]) -> dict[str, torch.Tensor]:
    """Return the state dict of a sub-network: sliced, kernels transformed, as ofa does it."""
    elastic.set_active_subnet(**{key: list(values) for key, values in chosen.items()})
    found: dict[str, torch.Tensor] = elastic.get_active_subnet(preserve_weight=True).state_dict()
    return found

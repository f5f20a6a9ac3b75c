"""Deterministic, healthy values for the tensors of a network that is built to be timed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_NOISE_LENGTH = 1_000_003
"""Noise values kept; larger networks go round. Prime, so that no two rows of a layer agree."""


def build_filled(build: Callable[[], nn.Module]) -> nn.Module:
    """Run ``build`` without random initialisation, fill its tensors, and set eval mode.

    Equal architectures get equal values: normal weights scaled by fan-in, scales and batch
    statistics near 0 and 1, so that activations stay away from zero, overflow and denormals.
    """
    with _NoInitialisation():
        network = build()
    noise = _Noise()
    with torch.no_grad():
        for module in network.modules():
            _fill(module, noise)
    return network.eval()


class _NoInitialisation(TorchFunctionMode):
    """Let every function of ``torch.nn.init`` return its tensor as it is."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


class _Noise:
    """A fixed stream of standard normal numbers, copied from memory instead of drawn."""

    def __init__(self) -> None:
        self._position = 0

    def pour(self, tensor: torch.Tensor, *, mean: float, deviation: float) -> None:
        """Fill ``tensor`` with the next numbers, scaled."""
        for part in torch.split(tensor.view(-1), _NOISE_LENGTH):
            start = self._position % _NOISE_LENGTH
            torch.mul(_twice_the_noise()[start : start + len(part)], deviation, out=part)
            part.add_(mean)
            self._position += len(part)


@cache
def _twice_the_noise() -> torch.Tensor:
    values = np.random.default_rng(0).standard_normal(_NOISE_LENGTH, dtype=np.float32)
    return torch.from_numpy(np.tile(values, 2))


def _fill(module: nn.Module, noise: _Noise) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        noise.pour(module.weight, mean=0, deviation=module.weight[0].numel() ** -0.5)
        if module.bias is not None:
            noise.pour(module.bias, mean=0, deviation=0.1)
    elif isinstance(module, nn.Embedding):
        noise.pour(module.weight, mean=0, deviation=module.embedding_dim**-0.5)
    elif isinstance(module, nn.LayerNorm):
        noise.pour(module.weight, mean=1, deviation=0.1)
        noise.pour(module.bias, mean=0, deviation=0.1)
    elif isinstance(module, nn.BatchNorm2d):
        tensors = (module.weight, module.bias, module.running_mean, module.running_var)
        for tensor, mean in zip(tensors, (1, 0, 0, 1), strict=True):
            if tensor is not None:
                noise.pour(tensor, mean=mean, deviation=0.1)

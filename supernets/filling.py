"""Deterministic, healthy values for the tensors of a network that is built to be timed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

_NOISE_LENGTH = 1_000_003
"""Noise values kept; larger networks go round. Prime, so that no two rows of a layer agree."""

_FILLED: tuple[Any, ...] = (_ConvNd, nn.Linear, nn.Embedding, nn.LayerNorm, _NormBase)
"""Classes whose own initialisation is not needed."""

_PATCHING = threading.RLock()
"""One thread at a time changes these classes."""


def build_filled(build: Callable[[], nn.Module]) -> nn.Module:
    """Run ``build`` without random initialisation, fill its tensors, and set eval mode.

    Equal architectures get equal values: normal weights scaled by fan-in, scales and batch
    statistics near 0 and 1, so that activations stay away from zero, overflow and denormals.
    """
    with _nothing_initialised():
        network = build()
    noise = _Noise()
    with torch.no_grad():
        for module in network.modules():
            _fill(module, noise)
    return network.eval()


@contextmanager
def _nothing_initialised() -> Iterator[None]:
    """Let modules made by this thread leave the tensors as they are that :func:`_fill` fills.

    A ``TorchFunctionMode`` that skips ``torch.nn.init`` does it too and doubles the time of making
    the modules, since every function of torch then goes through it.
    """
    here = threading.get_ident()
    with _PATCHING, ExitStack() as stack:
        for kind in _FILLED:
            initialise = kind.reset_parameters
            stack.callback(setattr, kind, "reset_parameters", initialise)
            kind.reset_parameters = _elsewhere(here, initialise)
        yield


def _elsewhere(here: int, initialise: Callable[[Any], None]) -> Callable[[Any], None]:
    def reset_parameters(module: Any) -> None:
        if threading.get_ident() != here:
            initialise(module)

    return reset_parameters


class _Noise:
    """A fixed stream of standard normal numbers, copied from memory instead of drawn."""

    def __init__(self) -> None:
        self._position = 0

    def pour(self, tensor: torch.Tensor, *, mean: float, deviation: float) -> None:
        """Fill ``tensor`` with the next numbers, scaled."""
        flat = tensor.view(-1)
        # Splitting and adding nothing took a third of the time.
        parts = [flat] if len(flat) <= _NOISE_LENGTH else torch.split(flat, _NOISE_LENGTH)
        for part in parts:
            start = self._position % _NOISE_LENGTH
            torch.mul(_twice_the_noise()[start : start + len(part)], deviation, out=part)
            if mean:
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

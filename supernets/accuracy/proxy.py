"""The zero-cost score of Mellor et al., Neural Architecture Search without Training, ICML 2021."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from latbase.errors import SupernetError
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.supernet import Supernet

BATCH = 32
"""Inputs whose activation patterns are compared."""

_aten = torch.ops.aten
RECTIFIERS = frozenset(
    {_aten.relu, _aten.relu_, _aten.hardtanh, _aten.hardtanh_, _aten.leaky_relu, _aten.leaky_relu_}
    | {_aten.hardswish, _aten.hardswish_, _aten.silu, _aten.silu_, _aten.gelu}
)
"""Activations with an on and an off side; ReLU6 is a hardtanh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naswot:
    """Scores how differently a network's activations answer to different inputs; larger is better.

    The weights are those of ``build``; the authors' are random, at initialisation.
    """

    supernet: Supernet
    label: str = "proxy"

    @property
    def conditions(self) -> Mapping[str, object]:
        """The inputs that are compared."""
        return {
            "proxy": "naswot",
            "inputs": BATCH,
            "seed": 0,
            "input_size": self.supernet.default_input_size,
        }

    def __call__(self, config: Config) -> float:
        """Return the score of the sub-network of ``config``.

        Raises:
            SupernetError: the network has no rectifier to compare.
        """
        return naswot(self.supernet.build(config), self.supernet.inputs(BATCH))


def naswot(network: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    """Return log |det K|, where K[i, j] = N - H(c_i, c_j).

    N is the number of rectified units, c_i the pattern of those that input i switches on, and H the
    Hamming distance: K counts the units that two inputs switch alike.

    Raises:
        SupernetError: the network has no rectifier to compare.
    """
    agreement = _Agreement()  # type: ignore[no-untyped-call]
    with torch.inference_mode(), agreement:
        network(*inputs)
    if agreement.kernel is None:
        raise SupernetError(
            f"{type(network).__name__} has no ReLU-like activation, so naswot cannot score it; "
            "choose another objective."
        )
    return float(torch.linalg.slogdet(agreement.kernel).logabsdet)


class _Agreement(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up, over all rectifiers, in how many units each two inputs agree, (b, b)."""

    kernel: torch.Tensor | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in RECTIFIERS:
            on = (args[0].flatten(1) > 0).double()
            alike = on @ on.T + (1 - on) @ (1 - on).T
            self.kernel = alike if self.kernel is None else self.kernel + alike
        return func(*args, **(kwargs or {}))

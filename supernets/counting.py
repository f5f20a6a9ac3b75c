"""Multiply-accumulates and parameters of a network, counted while it runs."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from latbase.supernets.cost import Cost


def counted(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Cost:
    """Run ``network`` once and count convolutions, matrix products and attention.

    For convolutions and linear layers that agrees with the analytic costs: biases, normalisation
    and activations are free.

    Args:
        network: in eval mode.
        inputs: of one item.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # fused attention hides from the counter
    plain = sdpa_kernel(SDPBackend.MATH)
    try:
        with torch.inference_mode(), plain, FlopCounterMode(display=False) as counter:
            network(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    params = sum(parameter.numel() for parameter in network.parameters())
    return Cost(macs=counter.get_total_flops() // 2, params=params)

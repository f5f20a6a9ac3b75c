"""Top-1 of a network on labelled images; batch normalisation recalibrated for shared weights."""

from collections.abc import Iterable

import torch
from torch import nn

from latbase.errors import SupernetError

Labelled = tuple[torch.Tensor, torch.Tensor]
"""Images (b, …) and their class indices (b,)."""


def recalibrate(network: nn.Module, images: Iterable[torch.Tensor]) -> None:
    """Replace every batch-normalisation statistic by the average over ``images``.

    A sub-network with the super-network's statistics answers at random: they belong to other
    activations. Batches weigh alike; the network is left in eval mode.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001 - the one base of all of them
    if not norms:
        return
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
        norm.train()
    with torch.inference_mode():
        for batch in images:
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


@torch.inference_mode()
def top1(network: nn.Module, batches: Iterable[Labelled]) -> float:
    """Return the share of images classified correctly, in percent.

    Raises:
        SupernetError: there are no images, or the network does not put out one score per class.
    """
    network.eval()
    right = seen = 0
    for images, labels in batches:
        scores = network(images)
        if scores.shape[:-1] != labels.shape or int(labels.max()) >= scores.shape[-1]:
            raise SupernetError(
                f"{type(network).__name__} put out {tuple(scores.shape)} for {len(labels)} images "
                f"whose classes go up to {int(labels.max())}; expected one score per class."
            )
        right += int((scores.argmax(-1) == labels).sum())
        seen += len(labels)
    if not seen:
        raise SupernetError("There are no images to validate on.")
    return 100 * right / seen

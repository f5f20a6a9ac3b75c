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

    Raises:
        SupernetError: the network cannot be run on ``images``.
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
            scored(network, batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def scored(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return what ``network`` puts out for ``images``.

    Raises:
        SupernetError: it fails on them, or puts out something else than a tensor.
    """
    try:
        scores = network(images)
    except Exception as error:
        told = " ".join(str(error).split())  # what torch raises may have many lines
        raise SupernetError(
            f"{type(network).__name__} fails on images of shape {tuple(images.shape)} "
            f"({type(error).__name__}: {told}); validate a network that takes such images."
        ) from error
    if not isinstance(scores, torch.Tensor):
        raise SupernetError(
            f"{type(network).__name__} puts out a {type(scores).__name__}; expected a tensor with "
            "one score per class."
        )
    return scores


@torch.inference_mode()
def top1(network: nn.Module, batches: Iterable[Labelled]) -> float:
    """Return the share of images classified correctly, in percent.

    Raises:
        SupernetError: there are no images, or the network cannot be run on them or does not put
            out one score per class.
    """
    network.eval()
    right = seen = 0
    for images, labels in batches:
        scores = scored(network, images)
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

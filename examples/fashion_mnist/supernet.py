"""A super-network of one file: an elastic classifier of 28-pixel images, trained on Fashion-MNIST.

latbase takes it as it is: ``latbase profile examples/fashion_mnist/supernet.py:Fashion``. The
shared weights in ``weights.safetensors`` come from ``train.py``.
"""

import gzip
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from latbase.supernets import Parameter
from latbase.supernets.accuracy.validated import recalibrate, top1

WEIGHTS = Path(__file__).parent / "weights.safetensors"
DATA = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package ``dataset-fashion-mnist`` puts its files."""

CHANNELS, STRIDES, DEEPEST = (16, 24, 40), (2, 2, 1), 3
CALIBRATION_IMAGES = 2000
BATCH = 1000

Config = Mapping[str, Any]
Weights = Mapping[str, torch.Tensor]


class Block(nn.Module):
    """Expand, filter each channel, project; add the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, expansion: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Conv2d(inputs, middle, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(middle)
        self.filter = nn.Conv2d(
            middle, middle, kernel, stride, kernel // 2, groups=middle, bias=False
        )
        self.filter_norm = nn.BatchNorm2d(middle)
        self.project = nn.Conv2d(middle, outputs, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y = functional.relu(self.expand_norm(self.expand(x)))
        y = functional.relu(self.filter_norm(self.filter(y)))
        y = self.project_norm(self.project(y))
        return x + y if self.residual else y


class Network(nn.Module):
    """The static sub-network of a configuration."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.side = config["r"]
        widths = [int(channels * config["w"]) for channels in CHANNELS]
        self.stem = nn.Conv2d(1, widths[0], 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList()
        inputs = widths[0]
        for stage, (width, stride) in enumerate(zip(widths, STRIDES, strict=True)):
            blocks = nn.Sequential()
            for place in range(config["d"][stage]):
                kernel, expansion = (config[key][stage * DEEPEST + place] for key in ("ks", "e"))
                blocks.append(Block(inputs, width, kernel, expansion, 1 if place else stride))
                inputs = width
            self.stages.append(blocks)
        self.classifier = nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score images, (n, 1, 28, 28) to (n, 10)."""
        if self.side != x.shape[-1]:
            x = functional.interpolate(x, size=(self.side, self.side), mode="area")
        x = functional.relu(self.stem_norm(self.stem(x)))
        for stage in self.stages:
            x = stage(x)
        scores: torch.Tensor = self.classifier(x.mean((2, 3)))
        return scores


def shared(network: nn.Module, weights: Weights) -> dict[str, torch.Tensor]:
    """Cut the tensors of ``network`` out of the largest one's: first channels, kernel centres."""
    cuts = {}
    for name, own in network.named_parameters():
        whole = weights[name]
        margin = (whole.shape[-1] - own.shape[-1]) // 2 if own.dim() > 2 else 0
        if margin:
            whole = whole[..., margin:-margin, margin:-margin]
        cuts[name] = whole[tuple(slice(size) for size in own.shape)]
    return cuts


class Fashion:
    """The super-network: what latbase needs to know of it."""

    input_shape = (1, 28, 28)
    objectives = ("top1",)
    parameters = (
        Parameter("r", (12, 16, 20, 28)),  # side that images are scaled to
        Parameter("w", (0.25, 0.5, 0.75, 1)),  # share of the channels
        *(Parameter(f"d[{stage}]", (1, 2, 3)) for stage in range(len(CHANNELS))),
        *(
            Parameter(f"{key}[{index}]", values, f"d[{index // DEEPEST}]", deep_enough)
            for key, values in (("ks", (3, 5)), ("e", (1, 2, 4)))
            for index in range(DEEPEST * len(CHANNELS))
            for deep_enough in [tuple(range(index % DEEPEST + 1, DEEPEST + 1))]
        ),
    )

    def build(self, config: Config) -> nn.Module:
        """Return the sub-network with its share of the trained weights."""
        network = Network(config)
        network.load_state_dict(shared(network, self.weights), strict=False)
        return network.eval()

    def finish(self, network: nn.Module) -> nn.Module:
        """Recalibrate the statistics of a built sub-network on training images."""
        recalibrate(network, (images for images, _ in batches("train", CALIBRATION_IMAGES)))
        return network

    def evaluate(self, config: Config) -> dict[str, float]:
        """Validate a finished sub-network on the 10,000 test images."""
        return {"top1": top1(self.finish(self.build(config)), batches("t10k"))}

    @cached_property
    def weights(self) -> Weights:
        """Tensors of the largest sub-network, by name."""
        return load_file(WEIGHTS)

    @property
    def evaluated_on(self) -> dict[str, str]:
        """What validated values depend on besides this file."""
        return {"weights": sha256(WEIGHTS.read_bytes()).hexdigest()}


def batches(part: str, count: int | None = None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield normalised images (b, 1, 28, 28) and labels (b,) of ``train`` or ``t10k``."""
    images, labels = pixels(part), read(f"{part}-labels-idx1-ubyte.gz").long()
    for start in range(0, count or len(images), BATCH):
        yield normalised(images[start : start + BATCH]), labels[start : start + BATCH]


def pixels(part: str) -> torch.Tensor:
    """Return all images of ``train`` or ``t10k``, uint8 (n, 28, 28)."""
    return read(f"{part}-images-idx3-ubyte.gz")


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Scale uint8 (n, 28, 28) to zero mean and unit deviation, float32 (n, 1, 28, 28)."""
    return (images.unsqueeze(1) / 255 - 0.286) / 0.353


@cache
def read(file: str) -> torch.Tensor:
    """Read an IDX file of bytes; its header gives the number of axes, then each length."""
    content = gzip.decompress((DATA / file).read_bytes())
    axes = content[3]
    shape = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, axes + 1)]
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    return torch.from_numpy(values.reshape(shape).copy())

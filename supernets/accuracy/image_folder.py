"""Top-1 on a directory of images, prepared as OFA's own validation does."""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from latbase.errors import InvalidInputError
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.accuracy.labels import labelled
from latbase.supernets.accuracy.validated import Labelled, recalibrate, scored, top1
from latbase.supernets.supernet import Supernet
from latbase.supernets.weights import checksum

BATCH = 100
"""Images evaluated together."""

RECALIBRATED_ON = 2000
"""Images from which batch normalisation takes its statistics, as OFA does."""

CROPPED = 0.875
"""Share of the shorter side that the centre crop keeps."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, by channel, of values from 0 to 1."""

KEPT_BYTES = 2_000_000_000
"""Prepared images are kept in memory up to this size, since every sub-network needs them again."""

_READERS = 8
"""Threads that decode: Pillow lets go of the interpreter's lock."""

Pixels = npt.NDArray[np.uint8]
"""Images (n, side, side, 3)."""


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Validates sub-networks on labelled images, with batch normalisation recalibrated for each.

    Attributes:
        net: a supernet with trained weights.
        folder: see :func:`.labels.labelled`.
        limit: how many of the images to use at most, spread evenly over the classes; None: all.
        device: where networks run.
        on_progress: told after every batch how many images were seen, and of how many.

    Raises:
        InvalidInputError: the directory cannot be used.
    """

    net: Supernet
    folder: Path
    limit: int | None = None
    device: str = "cpu"
    on_progress: Callable[[int, int], None] = lambda _seen, _of: None
    label: str = "validated"

    @cached_property
    def conditions(self) -> Mapping[str, object]:
        """Which images and weights, and how both were prepared."""
        images, labels, _ = self._images
        listed = sha256()
        for image, label in zip(images, labels, strict=True):
            name = image.relative_to(self.folder)  # a link may lead out of it
            listed.update(f"{name} {label} {image.stat().st_size}\n".encode())
        weights = getattr(self.net, "weights", None)
        return {
            "metric": "top1",
            "images": listed.hexdigest(),
            "count": len(images),
            "input_size": self.net.default_input_size,
            "preparation": f"shorter side / {CROPPED}, longer rounded down, centre crop, "
            "ImageNet's mean and deviation",
            "recalibrated_on": self.recalibrated_on,
            "weights": None if weights is None else checksum(weights),
        }

    def __call__(self, config: Config) -> float:
        """Return the top-1 of the sub-network of ``config``, in percent.

        Raises:
            InvalidInputError: an image cannot be read, or the network has other classes.
            SupernetError: the network takes no such images, or puts out no scores.
        """
        return top1(self.finished(config), self._reported())

    @property
    def recalibrated_on(self) -> int:
        """Number of images from which batch normalisation takes its statistics."""
        count = min(RECALIBRATED_ON, len(self._order))
        return count - (count % BATCH == 1 < count)  # a last batch of one may have no variance

    def finished(self, config: Config) -> torch.nn.Module:
        """Return the sub-network of ``config`` with the statistics with which it is validated.

        Raises:
            InvalidInputError: an image cannot be read, or the network has other classes.
            SupernetError: the network takes no such images, or puts out no scores.
        """
        network = self.net.finished(config).to(self.device)
        self._check_classes(network)
        calibration = range(0, self.recalibrated_on, BATCH)
        recalibrate(network, (self._batch(start)[0] for start in calibration))
        return network

    def _reported(self) -> Iterator[Labelled]:
        count = len(self._order)
        for start in range(0, count, BATCH):
            yield self._batch(start)
            self.on_progress(min(start + BATCH, count), count)

    def _check_classes(self, network: torch.nn.Module) -> None:
        side, classes = self.net.default_input_size, self._images[2]
        with torch.inference_mode():
            scores = scored(network, torch.zeros(1, 3, side, side, device=self.device)).shape[-1]
        if scores != classes:
            raise InvalidInputError(
                f"{self.folder} has {classes} classes and {self.net.name} tells {scores} apart; "
                "give images of the classes it was trained for."
            )

    @cached_property
    def _images(self) -> tuple[list[Path], list[int], int]:
        images, labels, classes = labelled(self.folder)
        if self.limit is not None and self.limit < len(images):
            rows = np.linspace(0, len(images) - 1, self.limit).round().astype(int)
            images, labels = [images[row] for row in rows], [labels[row] for row in rows]
        return images, labels, classes

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        """Mix the classes: statistics of a batch must not be those of one of them."""
        return np.random.default_rng(0).permutation(len(self._images[0]))

    @cached_property
    def _kept(self) -> Pixels | None:
        side = self.net.default_input_size
        if len(self._order) * side * side * 3 > KEPT_BYTES:
            return None
        return self._read(self._order)

    def _batch(self, start: int) -> Labelled:
        rows = self._order[start : start + BATCH]
        kept = self._kept
        pixels = self._read(rows) if kept is None else kept[start : start + BATCH]
        mean, deviation = (torch.tensor(each)[:, None, None] for each in (MEAN, DEVIATION))
        channels_first = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        images = (channels_first / 255 - mean) / deviation
        labels = torch.tensor([self._images[1][row] for row in rows])
        return images.to(self.device), labels.to(self.device)

    def _read(self, rows: npt.NDArray[np.intp]) -> Pixels:
        side = self.net.default_input_size
        with ThreadPoolExecutor(_READERS) as threads:
            read = threads.map(lambda row: prepared(self._images[0][row], side), rows)
            return np.stack(list(read))


def prepared(path: Path, side: int) -> Pixels:
    """Return one image, resized and cropped to (side, side, 3).

    Raises:
        InvalidInputError: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            colours = image.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInputError(
            f"The image {path} cannot be read ({error}); replace it."
        ) from error
    shorter = math.ceil(side / CROPPED)
    # The longer side rounded down, as torchvision does.
    width, height = (length * shorter // min(colours.size) for length in colours.size)
    resized = colours.resize((width, height), Image.Resampling.BILINEAR)
    left, upper = round((width - side) / 2), round((height - side) / 2)
    return np.asarray(resized.crop((left, upper, left + side, upper + side)), dtype=np.uint8)

"""Directories of labelled images: class folders, or ImageNet's validation set as downloaded."""

import csv
from pathlib import Path

from latbase.errors import InvalidInputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

_SOLUTION = "LOC_val_solution.csv"
"""Kaggle's labels: ``ILSVRC2012_val_00000001,n03995372 85 1 499 272``."""

_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
"""The development kit's labels: a number per image, and what the numbers stand for."""


_INNER = ("val", "ILSVRC/Data/CLS-LOC/val")
_KIT = (".", "ILSVRC2012_devkit_t12/data")


def labelled(folder: Path) -> tuple[list[Path], list[int], int]:
    """Return images, their class indices, and the number of classes.

    Classes are numbered in the order of their names, as ImageNet's are. Images are looked for in
    ``folder/val``, in Kaggle's ``folder/ILSVRC/Data/CLS-LOC/val``, then in ``folder`` itself: there
    in a folder per class, else side by side with Kaggle's or the development kit's labels, which
    are in ``folder``, unpacked or not moved out of ``ILSVRC2012_devkit_t12/data``.

    Raises:
        InvalidInputError: there are no images, none of these says what they show, or something
            cannot be read.
    """
    try:
        return _labelled(folder)
    except OSError as error:
        raise InvalidInputError(
            f"{error.filename or folder} cannot be read: {error.strerror}."
        ) from error


def _labelled(folder: Path) -> tuple[list[Path], list[int], int]:
    if not folder.is_dir():
        raise InvalidInputError(f"There is no directory of images {folder}.")
    place = next((folder / name for name in _INNER if (folder / name).is_dir()), folder)
    classes = sorted(path.name for path in place.iterdir() if path.is_dir())
    if classes:
        found = [(image, i) for i, name in enumerate(classes) for image in _in(place / name)]
        images, labels = [image for image, _ in found], [index for _, index in found]
    else:
        images = _in(place)
        names = _recorded(folder, images) if images else {}
        classes = sorted(set(names.values()))
        labels = [classes.index(names[image.stem]) for image in images]
    if not images:
        raise InvalidInputError(
            f"{place} has no images ({', '.join(sorted(SUFFIXES))}); expected a folder per class."
        )
    return images, labels, len(classes)


def _recorded(folder: Path, images: list[Path]) -> dict[str, str]:
    """Return the class of each image by its stem."""
    truths = [folder / name / _TRUTH for name in _KIT if (folder / name / _TRUTH).is_file()]
    if (solution := folder / _SOLUTION).is_file():
        with solution.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = {row["ImageId"]: row["PredictionString"].split()[0] for row in rows}
    elif truths:
        numbers, synsets = truths[0].read_text().split(), _synsets(truths[0].with_name(_META))
        names = {
            f"ILSVRC2012_val_{i:08d}": synsets[int(number)] for i, number in enumerate(numbers, 1)
        }
    else:
        raise InvalidInputError(
            f"Nothing says what the {len(images)} images in {folder} show. Expected a folder per "
            f"class, or beside them {_SOLUTION} (Kaggle) or the development kit's {_TRUTH}."
        )
    if unknown := next((image for image in images if image.stem not in names), None):
        raise InvalidInputError(f"{unknown} has no label; complete the labels or remove it.")
    return names


def _synsets(meta: Path) -> dict[int, str]:
    from scipy.io import loadmat  # noqa: PLC0415 - takes a quarter of a second

    try:
        rows = loadmat(meta, squeeze_me=True)["synsets"]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(f"{meta} cannot be read: {error}.") from error
    return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows}


def _in(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES)

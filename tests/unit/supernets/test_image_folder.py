"""Top-1 on directories of images, in every layout they come in."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torch import nn

from latbase.errors import InvalidInputError, SupernetError
from latbase.supernets import Supernet
from latbase.supernets.accuracy import image_folder
from latbase.supernets.accuracy.image_folder import MEAN, ImageFolder, prepared
from latbase.supernets.accuracy.labels import labelled
from latbase.supernets.own import OwnSupernet

COLOURS = {"n01": (255, 0, 0), "n02": (0, 255, 0), "n03": (0, 0, 255)}


class Brightest:
    """Names the brightest of the first ``channels`` channels; its batch statistics are wrong."""

    parameters = {"channels": (1, 2, 3)}  # noqa: RUF012 - as a user writes it
    input_shape = (3, 32, 32)

    def build(self, config: dict[str, int]) -> nn.Module:
        norm = nn.BatchNorm2d(3)
        norm.running_mean = torch.tensor([9.0, 0.0, -9.0])
        choose = nn.Linear(3, 3)
        with torch.no_grad():
            choose.weight.copy_(torch.eye(3) * (torch.arange(3) < config["channels"])[:, None])
            choose.bias.copy_(torch.where(torch.arange(3) < config["channels"], 0.0, -9.0))
        return nn.Sequential(norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), choose)


class Pooled(Brightest):
    """Normalises what is left of an image after pooling."""

    def build(self, config: dict[str, int]) -> nn.Module:
        norm, pool, flatten, choose = super().build(config).children()
        return nn.Sequential(norm, pool, flatten, nn.BatchNorm1d(3), choose)


class Twice(nn.Module):
    """Puts out its scores two times."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, images


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four images of each colour, a folder per class."""
    for name, colour in COLOURS.items():
        for number in range(4):
            paint(tmp_path / "tree" / name / f"{number}.png", colour)
    return tmp_path / "tree"


@pytest.fixture
def net() -> Supernet:
    return OwnSupernet(Brightest())


def test_top1_is_the_share_of_images_classified_right(net: Supernet, tree: Path) -> None:
    """Batch statistics of the images at hand make up for wrong ones."""
    seen = []
    folder = ImageFolder(net=net, folder=tree, on_progress=lambda *numbers: seen.append(numbers))
    assert folder({"channels": 3}) == 100
    assert folder({"channels": 2}) == pytest.approx(200 / 3)
    assert seen[0] == (12, 12)


def test_values_are_kept_under_images_and_preparation(net: Supernet, tree: Path) -> None:
    before = ImageFolder(net=net, folder=tree).conditions
    assert before == ImageFolder(net=net, folder=tree / ".").conditions
    assert before["count"] == 12
    limited = ImageFolder(net=net, folder=tree, limit=3)
    assert limited.conditions["count"] == 3
    assert limited({"channels": 3}) == 100
    assert sorted(limited._images[1]) == [0, 1, 2]
    paint(tree / "n01" / "more.png", (9, 0, 0))
    assert ImageFolder(net=net, folder=tree).conditions != before


def test_a_val_folder_is_taken_alone(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    tree.rename(tmp_path / "data" / "val")
    paint(tmp_path / "data" / "train" / "n04" / "a.png", (1, 1, 1))
    images, labels, classes = labelled(tmp_path / "data")
    assert (len(images), classes) == (12, 3)
    assert labels == [0] * 4 + [1] * 4 + [2] * 4


def flat(folder: Path) -> list[str]:
    """Write images side by side as ImageNet's validation set comes; returns their classes."""
    shown = ["n03", "n01", "n02", "n01"]
    for number, name in enumerate(shown, 1):
        paint(folder / f"ILSVRC2012_val_{number:08d}.JPEG", COLOURS[name])
    return shown


def test_kaggles_imagenet_works_as_unpacked(tmp_path: Path) -> None:
    shown = flat(tmp_path / "ILSVRC" / "Data" / "CLS-LOC" / "val")
    rows = [f"ILSVRC2012_val_{i:08d},{name} 1 2 3 4 " for i, name in enumerate(shown, 1)]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]))
    assert labelled(tmp_path)[1:] == ([2, 0, 1, 0], 3)


@pytest.mark.parametrize("kit", [".", "ILSVRC2012_devkit_t12/data"])
def test_the_official_imagenet_works_as_unpacked(tmp_path: Path, kit: str) -> None:
    flat(tmp_path / "val")
    with pytest.raises(InvalidInputError, match="Nothing says what the 4 images"):
        labelled(tmp_path)
    (tmp_path / kit).mkdir(parents=True, exist_ok=True)
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O")]
    rows = [(1, "n02"), (2, "n03"), (3, "n01"), (1001, "n99")]
    savemat(tmp_path / kit / "meta.mat", {"synsets": np.array(rows, dtype=kind)})
    truth = tmp_path / kit / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("2\n3\n1\n3\n")
    assert labelled(tmp_path)[1:] == ([2, 0, 1, 0], 3)


def test_images_are_resized_and_cropped_around_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((80, 160, 3), dtype=np.uint8)
    pixels[:, 60:100] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = prepared(tmp_path / "a.png", 35)
    assert found.shape == (35, 35, 3)
    assert found[:, 17].min() == 255
    assert found[:, [0, 34]].max() == 0
    assert abs(int((found[0, :, 0] > 127).sum()) - 20) <= 1


def test_images_are_prepared_as_torchvision_does(tmp_path: Path) -> None:
    """It resizes 500 x 332 to 385 x 256, bilinear, and takes the middle 224 x 224."""
    noise = np.random.default_rng(0).integers(0, 256, (332, 500, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.save(tmp_path / "a.png")
    resized = image.resize((385, 256), Image.Resampling.BILINEAR)
    expected = resized.crop((80, 16, 80 + 224, 16 + 224))
    np.testing.assert_array_equal(prepared(tmp_path / "a.png", 224), np.asarray(expected))


def test_every_batch_has_all_classes(
    net: Supernet, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics of a batch of one class would be that class's."""
    monkeypatch.setattr(image_folder, "BATCH", 6)
    images = ImageFolder(net=net, folder=tree)
    for start in (0, 6):
        assert set(images._batch(start)[1].tolist()) == {0, 1, 2}


def test_a_last_batch_of_one_gives_no_statistics(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the pooling, a single image has no variance."""
    monkeypatch.setattr(image_folder, "BATCH", 11)
    pooled = OwnSupernet(Pooled())
    images = ImageFolder(net=pooled, folder=tree)
    assert images.recalibrated_on == 11
    assert images({"channels": 3}) == 100
    with pytest.raises(SupernetError, match=r"fails on images of shape \(1, 3, 32, 32\)"):
        ImageFolder(net=pooled, folder=tree, limit=1)({"channels": 3})


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Conv2d(1, 3, 3), r"Conv2d fails on images of shape .*RuntimeError"),
        (nn.Embedding(9, 3), r"Embedding fails on images of shape .*RuntimeError"),
        (Twice(), "Twice puts out a tuple; expected a tensor"),
    ],
)
def test_a_network_for_other_inputs_is_said(tree: Path, network: nn.Module, message: str) -> None:
    class Other(Brightest):
        def build(self, _config: dict[str, int]) -> nn.Module:
            return network

    with pytest.raises(SupernetError, match=message):
        ImageFolder(net=OwnSupernet(Other()), folder=tree)({"channels": 3})


def test_a_class_may_be_a_link_out_of_the_folder(net: Supernet, tree: Path, tmp_path: Path) -> None:
    before = ImageFolder(net=net, folder=tree).conditions
    (tree / "n03").rename(tmp_path / "elsewhere")
    (tree / "n03").symlink_to(tmp_path / "elsewhere")
    linked = ImageFolder(net=net, folder=tree)
    assert linked.conditions == before
    assert linked({"channels": 3}) == 100


def test_what_may_not_be_read_is_named(tree: Path) -> None:
    (tree / "n02").chmod(0)
    script = f"from pathlib import Path; labelled(Path({str(tree)!r}))"
    command = [sys.executable, "-c", f"from {labelled.__module__} import labelled; {script}"]
    if os.geteuid() == 0:  # whom no permission stops, but for the capabilities
        lost = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", lost, "--inh-caps", lost, *command]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    (tree / "n02").chmod(0o700)
    assert f"InvalidInputError: {tree}/n02 cannot be read: Permission denied." in ended.stderr


def test_an_image_is_normalised(net: Supernet, tree: Path) -> None:
    images, labels = ImageFolder(net=net, folder=tree)._batch(0)
    assert images.shape == (12, 3, 32, 32)
    reds = images[labels == 0][:, :, 0, 0]
    assert reds[:, 0].mean() == pytest.approx((1 - MEAN[0]) / 0.229, abs=0.02)


def test_what_cannot_be_used_is_said(
    net: Supernet, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError, match="no directory of images"):
        labelled(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="has no images"):
        labelled(tmp_path / "empty")
    (tree / "n02" / "bad.png").write_bytes(b"no image")
    with pytest.raises(InvalidInputError, match=r"n02/bad\.png cannot be read"):
        ImageFolder(net=net, folder=tree)({"channels": 3})
    (tree / "n02" / "bad.png").unlink()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(InvalidInputError, match=r"cannot be read .*2000 pixels.* exceeds limit"):
        ImageFolder(net=net, folder=tree)({"channels": 3})
    monkeypatch.undo()
    paint(tree / "n04" / "a.png", (0, 0, 0))
    with pytest.raises(InvalidInputError, match="has 4 classes and Brightest tells 3 apart"):
        ImageFolder(net=net, folder=tree)({"channels": 3})

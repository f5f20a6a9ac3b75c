"""``latbase search --images`` as a user runs it, on a folder of pictures."""

from pathlib import Path

import pytest
from PIL import Image

OWN = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.shown = (torch.arange(3) < channels).float()
        self.bulk = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x.mean((2, 3)) * self.shown - 9 * (1 - self.shown) + 0 * self.bulk.sum()


class Brightest:
    parameters = {"channels": (1, 2, 3), "width": (4, 8)}
    input_shape = (3, 32, 32)

    def build(self, config):
        return Net(config["channels"], config["width"])
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, colour in (("0r", (255, 0, 0)), ("1g", (0, 255, 0)), ("2b", (0, 0, 255))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (40, 50), colour).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.slow
def test_accuracy_is_validated_once_per_sub_network(latbase, tmp_path: Path, images: Path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    search = ("search", f"{own}:Brightest", "--objective", "top1", "--objective", "params")
    shown = ("--images", str(images), "--evaluations", "6")
    front = latbase.json(*search, *shown)
    assert max(member["values"]["top1"] for member in front) == 100
    assert {member["sources"]["top1"] for member in front} == {"validated"}
    count = "SELECT count(*) AS n, count(DISTINCT conditions_id) AS sets FROM validation"
    assert latbase.query(f"{count} WHERE metric = 'top1'") == [{"n": 6, "sets": 1}]
    latbase.json(*search, *shown, "--seed", "1")
    assert latbase.query(f"{count} WHERE metric = 'top1'") == [{"n": 6, "sets": 1}]
    latbase.json(*search, *shown, "--image-limit", "3")
    assert latbase.query(f"{count} WHERE metric = 'top1'") == [{"n": 12, "sets": 2}]


def test_untrained_weights_are_not_validated(latbase, images: Path):
    search = ("search", "ofa_resnet50", "--images", str(images))
    assert "has no trained weights" in latbase.run(*search, status=2).stderr
    refused = latbase.run(*search, "--weights", str(images / "none"), status=2)
    assert "There is no file of weights" in refused.stderr
    alone = latbase.run("search", "ofa_resnet50", "--weights", "pretrained", status=2)
    assert "go with --images" in alone.stderr

"""The Fashion-MNIST example's training loop, which asks a search and tells it, on few images."""

import gzip
import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from latbase.searcher import Search
from latbase.supernets import SearchSpace
from tests.acceptance.test_documents import ROOT

EXAMPLE = ROOT / "examples" / "fashion_mnist"
ROUNDS, EACH = 2, 3
MODULES = ("nat", "supernet", "train")


def idx(values: np.ndarray) -> bytes:
    """Pack bytes as an IDX file."""
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return gzip.compress(bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes())


@pytest.fixture
def nat(tmp_path, monkeypatch) -> ModuleType:
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(EXAMPLE)
    module = import_module("nat")
    for name in MODULES:  # so that no other example finds these under the names of its own
        monkeypatch.delitem(sys.modules, name)
    rng = np.random.default_rng(0)
    for part, count in (("train", 2000), ("t10k", 1000)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 40, (count, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[4 * (label // 2) : 4 * (label // 2) + 8, 12 * (label % 2) :][:, :14] += 200
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images.astype(np.uint8)))
    monkeypatch.setitem(module.read.__wrapped__.__globals__, "DATA", tmp_path)
    return module


def test_a_training_loop_asks_trains_and_tells(nat):
    net = nat.Fashion()
    space = SearchSpace(net.parameters).restrict({"r": (12,), "w": (0.25,)})
    search = Search(space, nat.OBJECTIVES, "random", population=EACH)

    nat.adapt(net, search, ROUNDS, steps=60)

    genotypes, told = search.evaluations
    assert genotypes.shape == (ROUNDS * EACH, space.p)
    shipped = [nat.values(nat.Fashion(), config) for config in space.to_configs(genotypes)]
    assert (told[:, 1] == [macs for _, macs in shipped]).all()
    gain = told[:, 0] - [top1 for top1, _ in shipped]
    assert (gain > 20).all(), "none was trained on these images before"

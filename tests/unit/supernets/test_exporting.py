import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file

from latbase import supernets
from latbase.errors import InvalidInputError, SupernetError
from latbase.supernets import Parameter, SearchSpace, Supernet
from latbase.supernets.exported import WEIGHTS_FILE, ExportedSupernet, load_weights
from latbase.supernets.exporting import (
    FORMATS,
    TOLERANCE,
    available,
    forgotten,
    relative_difference,
    write_file,
)
from latbase.supernets.extras import package


class Tied(torch.nn.Module):
    """Its second layer has the weights of its first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm = torch.nn.Linear(4, width), torch.nn.BatchNorm1d(width)
        self.last = torch.nn.Linear(4, width)
        self.last.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.norm(self.first(x)) + self.last(x)
        return out


class Moody(torch.nn.Module):
    """Does something else when its inputs sum to more."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 2 else x


class Net(Supernet):
    name = "net"
    default_input_size = 4
    space = SearchSpace([Parameter("kind", ("tied", "moody")), Parameter("width", (2, 8))])

    def costs(
        self, g: npt.NDArray[np.int8], input_size: int | None = None
    ) -> npt.NDArray[np.int64]:
        return np.full((len(g), 2), input_size or self.default_input_size, np.int64)

    def build(self, config: Mapping[str, object]) -> torch.nn.Module:
        torch.manual_seed(0)
        made = Tied(int(str(config["width"]))) if config["kind"] == "tied" else Moody()
        return made.eval()

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> tuple[torch.Tensor, ...]:
        # Those a file is made with and those it is compared on lie on both sides of Moody's bound.
        return (torch.full((batch_size, input_size or 4), seed + 0.1),)


CONFIG = {"kind": "tied", "width": 8}
MOODY = {"kind": "moody", "width": 8}


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_gives_the_sub_networks_output(tmp_path: Path, name: str):
    if name not in available():
        pytest.skip(f"a package is missing: {FORMATS[name].needs}")
    written = write_file(Net(), Net().build(CONFIG), tmp_path, name, batch_size=3, input_size=4)
    path = tmp_path / FORMATS[name].file
    assert written.size_bytes == path.stat().st_size
    assert written.difference <= TOLERANCE
    forward = FORMATS[name].read(path, forgotten(Net().build(CONFIG)))
    inputs = Net().inputs(3, 4, seed=7)
    with torch.inference_mode():
        expected, found = Net().build(CONFIG)(*inputs), forward(*inputs)
    assert relative_difference(expected, found) <= TOLERANCE


def test_every_tensor_is_in_the_weights_under_each_of_its_names(tmp_path: Path):
    write_file(Net(), Net().build(CONFIG), tmp_path, "state_dict", batch_size=1, input_size=4)
    tensors = load_file(tmp_path / WEIGHTS_FILE)
    assert set(tensors) == set(Net().build(CONFIG).state_dict())
    assert torch.equal(tensors["first.weight"], tensors["last.weight"])


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_file_that_took_an_input_for_a_constant_is_refused(tmp_path: Path):
    with pytest.raises(
        SupernetError, match=r"torchscript.pt, read back, gives outputs that differ"
    ):
        write_file(Net(), Net().build(MOODY), tmp_path, "torchscript", batch_size=1, input_size=4)


def test_what_a_format_cannot_express_is_said(tmp_path: Path):
    with pytest.raises(InvalidInputError, match=r"cannot be converted to torch\.export"):
        write_file(Net(), Net().build(MOODY), tmp_path, "torch_export", batch_size=1, input_size=4)


def test_a_sub_network_of_more_than_one_output_is_refused(tmp_path: Path):
    class Twice(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, x

    with pytest.raises(SupernetError, match=r"of net puts out a tuple.* put out one tensor"):
        write_file(Net(), Twice(), tmp_path, "state_dict", batch_size=1, input_size=4)
    assert not list(tmp_path.iterdir())


def test_a_reader_that_loads_nothing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    idle = dataclasses.replace(FORMATS["state_dict"], read=lambda _path, network: network)
    monkeypatch.setattr("latbase.supernets.exporting.FORMATS", {"idle": idle})
    with pytest.raises(SupernetError, match="differ from the sub-network's by inf"):
        write_file(Net(), Net().build(CONFIG), tmp_path, "idle", batch_size=1, input_size=4)


def test_the_supernets_own_weights_survive_the_comparison(tmp_path: Path):
    class Shared(Net):
        whole = Net().build(CONFIG)

        def build(self, config: Mapping[str, object]) -> torch.nn.Module:
            assert config == CONFIG
            return self.whole

    before = copy.deepcopy(Shared.whole.state_dict())
    write_file(Shared(), Shared().build(CONFIG), tmp_path, "state_dict", batch_size=1, input_size=4)
    assert all(torch.equal(before[key], each) for key, each in Shared.whole.state_dict().items())


def test_the_directory_is_the_supernet_with_the_written_weights(tmp_path: Path):
    class Trained(Net):
        def build(self, config: Mapping[str, object]) -> torch.nn.Module:
            network = super().build(config)
            for each in network.parameters():
                torch.nn.init.ones_(each)
            return network

    write_file(
        Trained(), Trained().build(CONFIG), tmp_path, "state_dict", batch_size=1, input_size=4
    )
    exported = ExportedSupernet(Net(), CONFIG, tmp_path)
    other = {"kind": "tied", "width": 2}
    for config, like in ((CONFIG, Trained()), (other, Net())):
        expected = like.build(config).state_dict()
        found = exported.build(config).state_dict()
        assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert exported.space.definition() == Net().space.definition()


def test_weights_of_another_sub_network_are_refused(tmp_path: Path):
    write_file(Net(), Net().build(CONFIG), tmp_path, "state_dict", batch_size=1, input_size=4)
    with pytest.raises(InvalidInputError, match="does not fit the sub-network"):
        load_weights(Net().build({"kind": "tied", "width": 2}), tmp_path / WEIGHTS_FILE)


def test_a_published_space_is_written(tmp_path: Path):
    net = supernets.load("ofa_mbv3_d234_e346_k357_w1.0")
    config = net.space.to_configs(net.space.smallest())[0]
    written = write_file(
        net, net.build(config), tmp_path, "state_dict", batch_size=1, input_size=32
    )
    assert written.difference == 0


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        ([0.0, 0.0], [0.0, 0.5], 0.5),
        ([1.0, 2.0], [1.0, float("nan")], float("inf")),
        ([1.0, 2.0], [1.0], float("inf")),
    ],
)
def test_differences_are_shares_of_the_largest_output(
    expected: list[float], found: list[float], difference: float
):
    assert relative_difference(torch.tensor(expected), torch.tensor(found)) == difference


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(InvalidInputError, match=r"pip install 'latbase\[onnxruntime\]'"):
        package("no_such_package", extra="onnxruntime")

"""What a timing child holds ready, looked at from inside."""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from latbase.profiler.messages import WorkerSpec
from latbase.profiler.subjects import Subjects, load

from .conftest import TOY


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def spec(**fields: Any) -> WorkerSpec:
    base = WorkerSpec(
        supernet=TOY,
        device="cpu",
        gpu_uuid=None,
        cpus=(0,),
        threads=1,
        batch_size=1,
        precision="fp32",
        engine="eager",
        memory_format="contiguous",
        input_size=16,
        parent=os.getpid(),
        renewed=True,
    )
    return dataclasses.replace(base, **fields)


class Tires(torch.nn.Module):
    """Has strength for one pass: to prepare with, not to be weighed with."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.strength:
            raise MemoryError("too large to be recorded")
        self.strength -= 1
        return x


def test_what_cannot_be_weighed_is_not_held(monkeypatch: pytest.MonkeyPatch):
    network = load(TOY)
    monkeypatch.setattr(network, "build", lambda _config: Tires())
    subjects = Subjects(spec(), network, None)
    with pytest.raises(MemoryError):
        subjects.add("a", {}, weigh=True, calls=1)
    assert not subjects._ready


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_moved_weights_are_the_same_in_other_places(precision: str, memory_format: str):
    network = load(TOY)
    subjects = Subjects(spec(precision=precision, memory_format=memory_format), network, None)
    subjects.add("a", {"width": 8, "depth": 2, "behaviour": "ok"}, weigh=False, calls=1)
    model = subjects._ready["a"].model
    inputs = network.inputs(1, 16)
    places = [tensor.data_ptr() for tensor in model.parameters()]
    with torch.inference_mode():
        before = model(*inputs)
        subjects.move()
        after = model(*inputs)
    assert places != [tensor.data_ptr() for tensor in model.parameters()]
    torch.testing.assert_close(after, before, rtol=0, atol=0)

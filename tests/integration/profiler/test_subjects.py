"""What a timing child holds ready, looked at from inside."""

import os
from collections.abc import Iterator

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


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_moved_weights_are_the_same_in_other_places(precision: str, memory_format: str):
    spec = WorkerSpec(
        supernet=TOY,
        device="cpu",
        gpu_uuid=None,
        cpus=(0,),
        threads=1,
        batch_size=1,
        precision=precision,
        engine="eager",
        memory_format=memory_format,
        input_size=16,
        parent=os.getpid(),
        renewed=True,
    )
    network = load(TOY)
    subjects = Subjects(spec, network, None)
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

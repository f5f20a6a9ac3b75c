"""Precisions, engines and devices on real timing children."""

from typing import Any

import pytest

from latbase.errors import DeviceError, InvalidInputError, MeasurementError
from latbase.profiler import possible

from .conftest import Bench, measured

pytestmark = pytest.mark.usefixtures("private_locks")


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"threads": 4096}, InvalidInputError, "4096 threads were asked for"),
        ({"device": "cuda"}, DeviceError, "no NVIDIA GPU answers"),
    ],
)
def test_what_the_host_cannot_do_is_refused(
    bench: Bench, fields: dict[str, Any], error: type[Exception], message: str
):
    if bench.fingerprint.gpus and "device" in fields:
        pytest.skip("this host has a GPU")
    with pytest.raises(error, match=message):
        next(bench.measure(bench.subnet(), **fields))


@pytest.mark.parametrize("fields", [{"precision": "fp8"}, {"engine": "abacus"}])
def test_an_unknown_mode_fails_with_the_known_ones(bench: Bench, fields: dict[str, Any]):
    with pytest.raises(MeasurementError, match="there are"):
        list(bench.measure(bench.subnet(), **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"engine": "torchscript", "memory_format": "channels_last"},
        {"precision": "bf16"},
        {"precision": "int8"},
        {"engine": "onnxruntime"},
        {"engine": "openvino"},
    ],
)
def test_modes(bench: Bench, fields: dict[str, Any]):
    if not possible(bench.configuration(**fields), bench.fingerprint):
        pytest.skip(f"this host cannot measure with {fields}")
    (result,) = measured(list(bench.measure(bench.subnet(), **fields)))
    assert result.measurements[0].value > 0


@pytest.mark.gpu
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"precision": "fp16", "memory_format": "channels_last"},
        {"precision": "bf16"},
        {"engine": "torchscript"},
        {"engine": "cudagraph"},
    ],
)
def test_modes_of_a_gpu(bench: Bench, fields: dict[str, Any]):
    if not possible(bench.configuration(device="cuda", **fields), bench.fingerprint):
        pytest.skip(f"this host cannot measure on a GPU with {fields}")
    (result,) = measured(list(bench.measure(bench.subnet(), device="cuda", **fields)))
    found = {each.metric: each for each in result.measurements}
    assert 0 < found["gpu_time_ms"].value < 1.1 * found["latency_ms"].value
    assert found["latency_ms"].conditions["gpu"]


def test_a_runtime_refuses_what_it_does_not_do(bench: Bench):
    with pytest.raises(InvalidInputError, match="in fp32 with memory format contiguous"):
        next(bench.measure(bench.subnet(), engine="onnxruntime", memory_format="channels_last"))

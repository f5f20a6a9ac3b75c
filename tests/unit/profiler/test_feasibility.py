from dataclasses import replace
from typing import Any

import pytest

from latbase.db.records import Configuration, Hardware
from latbase.errors import DeviceError, InvalidInputError
from latbase.profiler.feasibility import possible, refuse_impossible
from latbase.profiler.fingerprint import Fingerprint, fingerprint
from latbase.profiler.probes.gpu import Gpu


def card(capability: str) -> Gpu:
    return Gpu(
        uuid="GPU-1",
        name="Example",
        memory_gib=16,
        compute_capability=capability,
        mig=False,
        card_uuid="GPU-1",
    )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    """Return a two-core host without bf16 and with an old GPU."""
    found = fingerprint(tmp_path_factory.mktemp("state"))
    return replace(
        found,
        hardware=Hardware.of({"cpu_flags": ["avx2", "fma"]}),
        limits=replace(found.limits, cpus=(0, 1), quota_cpus=None),
        gpus=(card("7.5"),),
    )


def wanted(**fields: Any) -> Configuration:
    return Configuration.of(hardware_id="h", **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threads": 999}, "999 threads were asked for, but this process may use 2"),
        ({"engine": "openvino", "precision": "int8"}, "fp32 with memory format contiguous only"),
        ({"engine": "onnxruntime", "memory_format": "channels_last"}, "engine onnxruntime"),
        ({"engine": "onnxruntime", "device": "cuda"}, "runs on the CPU only"),
        ({"engine": "cudagraph"}, "needs a CUDA device"),
        ({"precision": "fp16"}, "a CPU computes in fp32, int8"),
        ({"precision": "bf16"}, "bf16 needs a CPU with amx_bf16, avx512_bf16, bf16"),
        ({"precision": "int8", "device": "cuda"}, "int8 is dynamic quantisation, for the CPU"),
        ({"precision": "bf16", "device": "cuda"}, r"bf16 needs compute capability 8\.0.* has 7\.5"),
    ],
)
def test_the_impossible_is_refused_with_what_is_possible(
    host: Fingerprint, fields: dict[str, Any], message: str
):
    with pytest.raises(InvalidInputError, match=message):
        refuse_impossible(wanted(**fields), host)
    assert not possible(wanted(**fields), host)


def test_a_device_that_does_not_exist_is_refused(host: Fingerprint):
    with pytest.raises(DeviceError, match=r"no device cuda:1; this host has cpu, cuda:0"):
        refuse_impossible(wanted(device="cuda"), host, "cuda:1")
    with pytest.raises(DeviceError, match="no NVIDIA GPU answers"):
        refuse_impossible(wanted(device="cuda"), replace(host, gpus=()))


@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16", "bf16"])
def test_bf16_is_measured_where_it_is_native(host: Fingerprint, flag: str):
    able = replace(host, hardware=Hardware.of({"cpu_flags": ["avx2", flag]}), gpus=(card("8.0"),))
    for device in ("cpu", "cuda"):
        assert possible(wanted(precision="bf16", device=device), able)


def test_an_engine_whose_package_is_missing_names_the_extra(
    host: Fingerprint, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("latbase.supernets.extras.find_spec", lambda _name: None)
    with pytest.raises(InvalidInputError, match=r"pip install 'latbase\[onnxruntime\]'"):
        refuse_impossible(wanted(engine="onnxruntime"), host)
    assert possible(wanted(), host)

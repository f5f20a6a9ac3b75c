"""Whether a host can measure on a configuration: the one place that says no, before any process."""

from latbase.db.records import Configuration
from latbase.errors import DeviceError, InvalidInputError
from latbase.profiler.fingerprint import Fingerprint
from latbase.profiler.placement import choose_cpus, choose_gpu
from latbase.supernets.extras import require

ENGINE_PACKAGES = {"onnxruntime": ("onnx", "onnxruntime"), "openvino": ("openvino",)}
"""Inference runtimes beside torch, and what they need; each comes with the extra of its name."""

BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
"""Instruction sets that compute in bf16; without one torch converts to fp32 and back."""

BF16_CAPABILITY = (8, 0)
"""Compute capability of the first NVIDIA GPUs that compute in bf16."""


def refuse_impossible(wanted: Configuration, found: Fingerprint, device: str | None = None) -> None:
    """Do nothing if the host can measure on ``wanted``.

    Args:
        wanted: a configuration of the host's hardware.
        found: the host.
        device: which device of the configuration's kind, e.g. ``cuda:1``.

    Raises:
        InvalidInputError: threads, precision, engine and device do not go together here; the
            message says what was asked for and what is possible.
        DeviceError: there is no such device.
    """
    choose_cpus(found.cores, found.limits, wanted.threads)
    if wanted.device == "cpu":
        _check_cpu(wanted, found)
    else:
        _check_gpu(wanted, choose_gpu(found.gpus, device or wanted.device).compute_capability)
    for package in ENGINE_PACKAGES.get(wanted.engine, ()):
        require(package, extra=wanted.engine)


def possible(wanted: Configuration, found: Fingerprint) -> bool:
    """Return whether the host can measure on ``wanted``."""
    try:
        refuse_impossible(wanted, found)
    except (InvalidInputError, DeviceError):
        return False
    return True


def _check_cpu(wanted: Configuration, found: Fingerprint) -> None:
    flags = found.hardware.facts.get("cpu_flags")
    known = BF16_FLAGS.intersection(flags if isinstance(flags, list) else ())
    if wanted.engine == "cudagraph":
        raise _refused(wanted, "engine cudagraph needs a CUDA device, --device cuda")
    if wanted.engine in ENGINE_PACKAGES and (wanted.precision, wanted.memory_format) != (
        "fp32",
        "contiguous",
    ):
        raise _refused(
            wanted, f"engine {wanted.engine} runs in fp32 with memory format contiguous only"
        )
    if wanted.precision == "fp16":
        raise _refused(
            wanted, "fp16 is for GPUs; a CPU computes in fp32, int8 or, where it can, bf16"
        )
    if wanted.precision == "bf16" and not known:
        raise _refused(
            wanted,
            f"bf16 needs a CPU with {', '.join(sorted(BF16_FLAGS))}, and this one shows none of "
            "them; it computes in fp32 or int8",
        )


def _check_gpu(wanted: Configuration, capability: str) -> None:
    if wanted.engine in ENGINE_PACKAGES:
        raise _refused(wanted, f"engine {wanted.engine} runs on the CPU only, --device cpu")
    if wanted.precision == "int8":
        raise _refused(
            wanted, "int8 is dynamic quantisation, for the CPU; a GPU computes in fp32 or fp16"
        )
    if wanted.precision == "bf16" and _version(capability) < BF16_CAPABILITY:
        raise _refused(
            wanted,
            f"bf16 needs compute capability 8.0, this GPU has {capability}; use fp32 or fp16",
        )


def _version(capability: str) -> tuple[int, ...]:
    return tuple(map(int, capability.split(".")))


def _refused(wanted: Configuration, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"Precision {wanted.precision} with engine {wanted.engine}, memory format "
        f"{wanted.memory_format} on {wanted.device} is impossible here: {why}."
    )

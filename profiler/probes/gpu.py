"""NVIDIA GPUs through NVML: absent, present or broken is said, never a crash."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pynvml

from latbase.profiler.probes.files import Fact, Probed

NVML = "NVML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One device CUDA can address: a whole card, or one MIG slice of it.

    Attributes:
        uuid: serial of the device, how it is selected; never hashed.
        name: product name.
        memory_gib: its memory, rounded to whole GiB.
        compute_capability: ``major.minor``.
        mig: whether it is a MIG slice; its ``name`` then carries the profile.
        card_uuid: serial of the card that carries it.
    """

    uuid: str
    name: str
    memory_gib: int
    compute_capability: str
    mig: bool
    card_uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReport:
    """The devices found, the driver that runs them, and remarks."""

    gpus: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    notes: tuple[str, ...] = ()

    def probed(self) -> Probed:
        """Return what is hashed: models and memory, in an order serials do not change."""
        models = sorted(
            f"{gpu.name}, {gpu.memory_gib} GiB, sm {gpu.compute_capability}" for gpu in self.gpus
        )
        return Probed(facts=(Fact(name="gpus", value=models, source=NVML),), notes=self.notes)


def read_gpus(nvml: Any = pynvml) -> GpuReport:
    """Ask NVML for its devices.

    Args:
        nvml: the ``pynvml`` module, or a stand-in for it in tests.
    """
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return GpuReport(notes=_why_absent(nvml, error))
    try:
        gpus = tuple(_devices(nvml))
        driver = _text(nvml.nvmlSystemGetDriverVersion())
        return GpuReport(gpus=gpus, driver_version=driver)
    except nvml.NVMLError as error:
        return GpuReport(notes=(_broken(error),))
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _why_absent(nvml: Any, error: Exception) -> tuple[str, ...]:
    absent = (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
    if getattr(error, "value", None) in absent:
        return ()
    return (_broken(error),)


def _broken(error: Exception) -> str:
    return (
        f"The NVIDIA driver is there but does not answer ({error}): its GPUs are left out of the "
        "hardware id. Repair it (nvidia-smi must work) before you measure on this host."
    )


def _devices(nvml: Any) -> Iterator[Gpu]:
    for index in range(nvml.nvmlDeviceGetCount()):
        card = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _text(nvml.nvmlDeviceGetUUID(card))
        slices = list(_slices(nvml, card))
        for handle in slices or [card]:
            yield _gpu(nvml, handle, card=card, card_uuid=uuid, mig=bool(slices))


def _slices(nvml: Any, card: Any) -> Iterator[Any]:
    try:
        enabled = nvml.nvmlDeviceGetMigMode(card)[0] == nvml.NVML_DEVICE_MIG_ENABLE
        count = nvml.nvmlDeviceGetMaxMigDeviceCount(card) if enabled else 0
    except nvml.NVMLError:  # cards before Ampere do not know the question
        return
    for index in range(count):
        # Numbers of slices that were never created answer "not found".
        with contextlib.suppress(nvml.NVMLError):
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, index)


def _gpu(nvml: Any, handle: Any, *, card: Any, card_uuid: str, mig: bool) -> Gpu:
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(card)
    return Gpu(
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_gib=round(nvml.nvmlDeviceGetMemoryInfo(handle).total / 2**30),
        compute_capability=f"{major}.{minor}",
        mig=mig,
        card_uuid=card_uuid,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

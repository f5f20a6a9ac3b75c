"""Energy counters: RAPL through powercap for CPUs, NVML for GPUs. Absent is said, not zero."""

from collections.abc import Callable
from dataclasses import dataclass

import pynvml

from latbase.profiler.probes.files import HostFiles

POWERCAP = "/sys/class/powercap"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """A counter of millijoules, or the reason there is none.

    Attributes:
        read_mj: returns the counter; only differences count.
        scope: what it covers, in words.
        absent: why there is none; then ``read_mj`` is None.
    """

    read_mj: Callable[[], float] | None
    scope: str = ""
    absent: str = ""


def cpu_counter(files: HostFiles) -> EnergyCounter:
    """Return the sum of all packages' RAPL counters, which cover everything on the packages."""
    packages = files.glob(f"{POWERCAP}/intel-rapl:[0-9]*/energy_uj")
    packages = [path for path in packages if path.count(":") == 1]  # subzones are included
    if not packages:
        return EnergyCounter(read_mj=None, absent="this host shows no RAPL counter")
    if any(files.number(path) is None for path in packages):
        return EnergyCounter(
            read_mj=None, absent=f"{POWERCAP} is readable by root only; run as root to get energy"
        )
    ranges = [files.number(path.replace("energy_uj", "max_energy_range_uj")) for path in packages]
    return EnergyCounter(
        read_mj=_unwrapped(files, packages, [size or 0 for size in ranges]),
        scope=f"{len(packages)} CPU package(s), everything that runs on them included",
    )


def _unwrapped(files: HostFiles, paths: list[str], ranges: list[int]) -> Callable[[], float]:
    """Return a reader that adds a counter's range whenever it has wrapped around."""
    last = [files.number(path) or 0 for path in paths]
    total_uj = [0.0]

    def read_mj() -> float:
        for i, path in enumerate(paths):
            now = files.number(path) or 0
            total_uj[0] += now - last[i] + (ranges[i] if now < last[i] else 0)
            last[i] = now
        return total_uj[0] / 1e3

    return read_mj


def gpu_counter(uuid: str) -> EnergyCounter:
    """Return the counter of the whole card ``uuid``."""
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        return EnergyCounter(read_mj=None, absent=f"the GPU does not count energy ({error})")
    return EnergyCounter(
        read_mj=lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)),
        scope="the whole graphics card",
    )

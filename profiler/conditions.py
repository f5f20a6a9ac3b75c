"""Readings of the host that travel with a number: load, clocks, temperature, throttling.

Every reading may be absent (virtual machines hide most of them): absent is ``None``, never zero.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import pynvml

from latbase.db.records import Facts
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.probes.limits import cgroups, read_limits

CPU = "/sys/devices/system/cpu"
TICKS_PER_S = 100
"""Unit of /proc/stat, fixed by the kernel's interface to user space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuConditions:
    """Readings of one graphics card.

    Attributes:
        throttle_reasons: NVML's clock event reasons that slow the card down, by name.
        other_processes: processes on the card besides the measured one.
    """

    sm_clock_mhz: int
    memory_clock_mhz: int
    temperature_c: int
    power_w: float
    throttle_reasons: tuple[str, ...]
    other_processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Readings of the host at one moment.

    Attributes:
        uptime_s: since boot, as the counters below; None also where an earlier version wrote it.
        load_1min: runnable threads on the whole host, a minute's average.
        busy_s: CPU time all CPUs have spent working since boot.
        steal_s: time the hypervisor gave this machine's CPUs to others since boot.
        quota_throttled_s: time the quotas of this process's cgroups stopped it.
        effective_cpus: CPUs this process may use at once.
        governor: frequency governor of the measured CPUs.
        turbo: whether the processor may exceed its base frequency.
        frequency_mhz: highest present frequency of the measured CPUs.
        temperature_c: hottest thermal zone.
        throttle_events: thermal throttling of the measured CPUs since boot.
        gpu: readings of the measured graphics card.
    """

    uptime_s: float | None
    load_1min: float | None
    busy_s: float | None
    steal_s: float | None
    quota_throttled_s: float | None
    effective_cpus: int
    governor: str | None
    turbo: bool | None
    frequency_mhz: int | None
    temperature_c: float | None
    throttle_events: int | None
    gpu: GpuConditions | None

    def facts(self) -> dict[str, object]:
        """Return the readings as JSON values."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Facts) -> Self:
        """Read what :meth:`facts` wrote, of another version too: what it did not read is absent."""
        values: dict[str, Any] = {field.name: facts.get(field.name) for field in fields(cls)}
        if values["gpu"] is not None:
            reasons = tuple(values["gpu"]["throttle_reasons"])
            values["gpu"] = GpuConditions(**{**values["gpu"], "throttle_reasons": reasons})
        return cls(**values)


def read_conditions(
    files: HostFiles, cpus: Sequence[int], gpu_uuid: str | None = None, gpu_pid: int | None = None
) -> Conditions:
    """Read the host now; ``cpus`` are the measured ones, ``gpu_pid`` is the measured process."""
    uptime, load = files.text("/proc/uptime"), files.text("/proc/loadavg")
    busy_s, steal_s = _cpu_time_s(files)
    return Conditions(
        uptime_s=float(uptime.split()[0]) if uptime else None,
        load_1min=float(load.split()[0]) if load else None,
        busy_s=busy_s,
        steal_s=steal_s,
        quota_throttled_s=_quota_throttled_s(files),
        effective_cpus=read_limits(files).effective_cpus,
        governor=_common(files.text(f"{CPU}/cpu{cpu}/cpufreq/scaling_governor") for cpu in cpus),
        turbo=_turbo(files),
        frequency_mhz=_frequency_mhz(files, cpus),
        temperature_c=_temperature_c(files),
        throttle_events=throttle_events(files, cpus),
        gpu=read_gpu_conditions(gpu_uuid, gpu_pid) if gpu_uuid else None,
    )


def throttle_events(files: HostFiles, cpus: Sequence[int]) -> int | None:
    """Return how often the measured CPUs were throttled for heat since boot."""
    paths = [
        f"{CPU}/cpu{cpu}/thermal_throttle/{scope}_throttle_count"
        for cpu in cpus
        for scope in ("core", "package")
    ]
    counts = [count for path in paths if (count := files.number(path)) is not None]
    return sum(counts) if counts else None


def _cpu_time_s(files: HostFiles) -> tuple[float | None, float | None]:
    """Return busy and stolen time from /proc/stat: user nice system idle iowait irq soft steal."""
    line = (files.text("/proc/stat") or "").partition("\n")[0]
    ticks = [int(word) for word in line.split()[1:]]
    if len(ticks) < 8:  # noqa: PLR2004 -- the columns named above
        return None, None
    user, nice, system, _, _, irq, soft, steal = ticks[:8]
    return (user + nice + system + irq + soft) / TICKS_PER_S, steal / TICKS_PER_S


def _quota_throttled_s(files: HostFiles) -> float | None:
    """Add up all levels: whichever group has used up its quota stops the process."""
    texts = [files.text(f"{path}/cpu.stat") or "" for path in cgroups(files, "cpu")]
    found = [re.search(r"^throttled_(usec|time) (\d+)", text, re.MULTILINE) for text in texts]
    stopped = [int(one[2]) / (1e6 if one[1] == "usec" else 1e9) for one in found if one]
    return sum(stopped) if stopped else None


def _common(values: Iterable[str | None]) -> str | None:
    present = sorted({value for value in values if value is not None})
    return " + ".join(present) or None


def _turbo(files: HostFiles) -> bool | None:
    no_turbo = files.number(f"{CPU}/intel_pstate/no_turbo")
    if no_turbo is not None:
        return no_turbo == 0
    boost = files.number(f"{CPU}/cpufreq/boost")
    return None if boost is None else boost == 1


def _frequency_mhz(files: HostFiles, cpus: Sequence[int]) -> int | None:
    paths = [f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in cpus]
    found = [khz for path in paths if (khz := files.number(path)) is not None]
    return max(found) // 1000 if found else None


def _temperature_c(files: HostFiles) -> float | None:
    paths = files.glob("/sys/class/thermal/thermal_zone*/temp")
    found = [milli for path in paths if (milli := files.number(path)) is not None]
    return max(found) / 1000 if found else None


def read_gpu_conditions(uuid: str, own_pid: int | None) -> GpuConditions | None:
    """Read the card ``uuid`` now; None if NVML does not answer."""
    try:
        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(card)
        return GpuConditions(
            sm_clock_mhz=pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_SM),
            memory_clock_mhz=pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_MEM),
            temperature_c=pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU),
            power_w=pynvml.nvmlDeviceGetPowerUsage(card) / 1e3,
            throttle_reasons=_reasons(pynvml.nvmlDeviceGetCurrentClocksEventReasons(card)),
            other_processes=sum(process.pid != own_pid for process in processes),
        )
    except pynvml.NVMLError:
        return None


def _reasons(mask: int) -> tuple[str, ...]:
    slow = {
        "software power cap": pynvml.nvmlClocksEventReasonSwPowerCap,
        "hardware slowdown": pynvml.nvmlClocksThrottleReasonHwSlowdown,
        "software thermal slowdown": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        "hardware thermal slowdown": pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
        "hardware power brake": pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
    }
    return tuple(name for name, bit in slow.items() if mask & bit)

"""Which CPUs the measured process gets: whole physical cores of one NUMA node. Pure."""

from collections.abc import Sequence

from latbase.errors import DeviceError, InvalidInputError
from latbase.profiler.probes.gpu import Gpu
from latbase.profiler.probes.limits import Limits
from latbase.profiler.probes.topology import PERFORMANCE, Core


def choose_cpus(cores: Sequence[Core], limits: Limits, threads: int) -> tuple[int, ...]:
    """Return one logical CPU for each of ``threads`` threads, each on a core of its own.

    Performance cores come first, then the NUMA node with most free cores, then high numbers:
    interrupts and other people's single-threaded work gather on the low ones. Siblings are used
    only when there are more threads than cores.

    Raises:
        InvalidInputError: this process may not run that many threads at once.
    """
    if threads > limits.effective_cpus:
        raise InvalidInputError(
            f"{threads} threads were asked for, but this process may use {limits.effective_cpus} "
            "CPUs at once (affinity, cpuset and quota). Ask for fewer threads or lift the limit."
        )
    allowed = [
        (core, free) for core in cores if (free := [cpu for cpu in core.cpus if cpu in limits.cpus])
    ]
    if sum(len(free) for _, free in allowed) < threads:
        return limits.cpus[-threads:]  # the topology is not known
    room = {core.node: 0 for core, _ in allowed}
    for core, _ in allowed:
        room[core.node] += core.kind == PERFORMANCE
    ranked = [
        (rank, core.kind != PERFORMANCE, -room[core.node], core.node, -free[0], cpu)
        for core, free in allowed
        for rank, cpu in enumerate(free)
    ]
    return tuple(sorted(entry[-1] for entry in sorted(ranked)[:threads]))


def choose_gpu(gpus: Sequence[Gpu], device: str) -> Gpu:
    """Return the GPU that ``device`` names: ``cuda``, ``cuda:1`` or ``cuda:`` and its serial.

    Raises:
        DeviceError: there is none, or the name fits none.
    """
    if not gpus:
        raise DeviceError(
            f"Device {device} was asked for, but no NVIDIA GPU answers on this host; "
            "see `latbase fingerprint`, or use --device cpu."
        )
    kind, _, which = device.partition(":")
    found = [
        gpu
        for number, gpu in enumerate(gpus)
        if which in {"", str(number)} or gpu.uuid.startswith(which)
    ]
    if kind != "cuda" or not found:
        names = ", ".join(f"cuda:{i} ({gpu.name}, {gpu.uuid})" for i, gpu in enumerate(gpus))
        raise DeviceError(f"There is no device {device}; this host has cpu, {names}.")
    return found[0]

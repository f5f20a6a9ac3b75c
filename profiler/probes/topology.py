"""How the logical CPUs hang together: sockets, cores, caches, NUMA nodes, kinds of cores."""

import collections
from dataclasses import dataclass

from latbase.profiler.probes.files import Fact, HostFiles, Probed

CPUS = "/sys/devices/system/cpu"
NODES = "/sys/devices/system/node"
PERFORMANCE, EFFICIENCY = "performance", "efficiency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One physical core.

    Attributes:
        cpus: its logical CPUs in ascending order.
        socket: physical package number.
        node: NUMA node number.
        kind: ``performance`` or ``efficiency`` on a hybrid processor, else ``performance``.
    """

    cpus: tuple[int, ...]
    socket: int
    node: int
    kind: str = PERFORMANCE


def read_cores(files: HostFiles) -> tuple[Core, ...]:
    """Return the physical cores in order of their first logical CPU; empty where unknown."""
    efficient = _efficient(files)
    nodes = {
        cpu: int(path.rsplit("node", 1)[1].split("/")[0])
        for path in files.glob(f"{NODES}/node[0-9]*/cpulist")
        for cpu in files.cpus(path) or ()
    }
    cores: dict[tuple[int, ...], Core] = {}
    for path in files.glob(f"{CPUS}/cpu[0-9]*/topology"):
        cpu = int(path.split("/")[-2].removeprefix("cpu"))
        siblings = files.cpus(f"{path}/thread_siblings_list") or frozenset({cpu})
        cpus = tuple(sorted(siblings))
        cores[cpus] = Core(
            cpus=cpus,
            # ARM firmware may say -1 for "not known"; there is then one package to speak of.
            socket=max(0, files.number(f"{path}/physical_package_id") or 0),
            node=nodes.get(cpu, 0),
            kind=EFFICIENCY if cpu in efficient else PERFORMANCE,
        )
    return tuple(sorted(cores.values(), key=lambda core: core.cpus))


def _efficient(files: HostFiles) -> frozenset[int]:
    """Return the logical CPUs of the weaker cores: Intel names them, ARM gives a capacity."""
    named = files.cpus("/sys/devices/cpu_atom/cpus")
    if named:
        return named
    capacity = {
        int(path.split("/")[-2].removeprefix("cpu")): files.number(path) or 0
        for path in files.glob(f"{CPUS}/cpu[0-9]*/cpu_capacity")
    }
    strongest = max(capacity.values(), default=0)
    return frozenset(cpu for cpu, value in capacity.items() if value < strongest)


def probe_topology(files: HostFiles, cores: tuple[Core, ...]) -> Probed:
    """Return the facts of the topology; CPUs that are switched off do not count."""
    if not cores:
        return Probed(notes=("The CPU topology could not be read: its facts are left out.",))
    values: dict[str, object] = {
        "sockets": len({core.socket for core in cores}),
        "cores": dict(sorted(collections.Counter(core.kind for core in cores).items())),
        "logical_cpus": sum(len(core.cpus) for core in cores),
        "numa_nodes": len({core.node for core in cores}),
        "caches": _caches(files),
    }
    sources = {"caches": f"{CPUS}/cpu*/cache", "numa_nodes": NODES}
    return Probed(
        facts=tuple(
            Fact(name=name, value=value, source=sources.get(name, f"{CPUS}/cpu*/topology"))
            for name, value in values.items()
        )
    )


def _caches(files: HostFiles) -> dict[str, str]:
    """Return cache name to ``size x instances``, e.g. ``{"L2": "2048K x 8"}``."""
    instances: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    for path in files.glob(f"{CPUS}/cpu[0-9]*/cache/index[0-9]*"):
        level, size = files.text(f"{path}/level"), files.text(f"{path}/size")
        if level and size:
            kind = {"Data": "d", "Instruction": "i"}.get(files.text(f"{path}/type") or "", "")
            shared = files.text(f"{path}/shared_cpu_list") or path
            instances[f"L{level}{kind}", size].add(shared)
    sizes: dict[str, list[str]] = collections.defaultdict(list)
    for (name, size), places in sorted(instances.items()):
        sizes[name].append(f"{size} x {len(places)}")
    return {name: " + ".join(parts) for name, parts in sizes.items()}

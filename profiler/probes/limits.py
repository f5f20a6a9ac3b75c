"""What this process may use of the host: affinity, cpuset, cgroup quota and memory limit."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from latbase.profiler.probes.files import HostFiles, parse_cpus

UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes 'no memory limit' as a number near 2**63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the kernel lets this process use.

    Attributes:
        cpus: logical CPUs it may run on: its affinity within its cpuset.
        quota_cpus: CPU time per wall time its cgroups allow; None without a quota.
        memory_limit_bytes: the tightest limit of its cgroups; None without one.
    """

    cpus: tuple[int, ...]
    quota_cpus: float | None
    memory_limit_bytes: int | None

    @property
    def effective_cpus(self) -> int:
        """The least of affinity, cpuset and quota, at least one: threads beyond it only wait."""
        quota = self.quota_cpus if self.quota_cpus is not None else math.inf
        return max(1, int(min(len(self.cpus), quota)))


def read_limits(files: HostFiles, affinity: frozenset[int] | None = None) -> Limits:
    """Read the limits of this process; every ancestor cgroup counts.

    Args:
        files: the host.
        affinity: CPUs the process may run on; the calling process's own by default.
    """
    if affinity is None:
        affinity = frozenset(os.sched_getaffinity(0))
    cpusets = [cpus for path in cgroups(files, "cpuset") if (cpus := _cpuset(files, path))]
    allowed = affinity.intersection(*cpusets) or affinity
    quotas = [quota for path in cgroups(files, "cpu") if (quota := _quota(files, path))]
    memory = [limit for path in cgroups(files, "memory") if (limit := _memory(files, path))]
    return Limits(
        cpus=tuple(sorted(allowed)),
        quota_cpus=min(quotas, default=None),
        memory_limit_bytes=min(memory, default=None),
    )


def cgroups(files: HostFiles, controller: str) -> tuple[str, ...]:
    """Return the directories of ``controller``: of this process's cgroup, then of its ancestors.

    A container often sees a path of the host that is not mounted inside it: directories that do
    not exist read as no limit, and the mount point itself is always among them.
    """
    mounts = dict(_mounts(files))
    places: dict[str, tuple[str, ...]] = {}
    for line in (files.text("/proc/self/cgroup") or "").splitlines():
        _, names, path = line.split(":", 2)
        for name in mounts.keys() & names.split(","):
            places[name] = _ancestors(mounts[name], path)
    return places.get(controller, ()) + places.get("", ())


def _mounts(files: HostFiles) -> Iterator[tuple[str, str]]:
    """Yield controller (``""`` for cgroup v2) and mount point."""
    for line in (files.text("/proc/self/mountinfo") or "").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.partition(" ")
        if kind == "cgroup2":
            yield "", left.split()[4]
        elif kind == "cgroup":
            for controller in options.split()[-1].split(","):
                yield controller, left.split()[4]


def _ancestors(mount: str, path: str) -> tuple[str, ...]:
    own = PurePosixPath(mount) / path.lstrip("/")
    chain = (own, *own.parents)
    return tuple(str(place) for place in chain if place.is_relative_to(mount))


def _cpuset(files: HostFiles, path: str) -> frozenset[int] | None:
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
        text = files.text(f"{path}/{name}")
        if text:
            return parse_cpus(text)
    return None


def _quota(files: HostFiles, path: str) -> float | None:
    """Return the quota in CPUs: v2 writes ``quota period`` or ``max period``, v1 two files."""
    text = files.text(f"{path}/cpu.max")
    if text:
        quota, _, period = text.partition(" ")
        return None if quota == "max" else int(quota) / int(period)
    quota_us = files.number(f"{path}/cpu.cfs_quota_us")
    period_us = files.number(f"{path}/cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us and quota_us > 0 else None


def _memory(files: HostFiles, path: str) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        limit = files.number(f"{path}/{name}")
        if limit is not None and limit < UNLIMITED_BYTES:
            return limit
    return None

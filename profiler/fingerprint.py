"""What this host is: stable facts hashed into a hardware id, software into an environment id."""

import importlib.metadata
import itertools
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from latbase import settings
from latbase.db.records import Environment, Hardware, Host
from latbase.profiler import state
from latbase.profiler.probes.cpu import probe_cpu
from latbase.profiler.probes.environment import probe_environment
from latbase.profiler.probes.files import Fact, HostFiles, Probed
from latbase.profiler.probes.gpu import Gpu, GpuReport, read_gpus
from latbase.profiler.probes.limits import Limits, read_limits
from latbase.profiler.probes.machine import probe_machine
from latbase.profiler.probes.topology import Core, probe_topology, read_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """This host: what is hashed, what is not, and remarks.

    Attributes:
        hardware: stable facts, hashed whole.
        environment: software that decides speed, hashed whole.
        host: this machine, by its random id.
        limits: what this process may use of it.
        cores: physical cores, to pin to.
        gpus: devices CUDA can address, with their serials, which are never hashed.
        notes: what could not be read, or weakens the identity; in words.
        explanation: every hashed fact of hardware and environment with its source.
    """

    hardware: Hardware
    environment: Environment
    host: Host
    limits: Limits
    cores: tuple[Core, ...]
    gpus: tuple[Gpu, ...]
    notes: tuple[str, ...]
    explanation: tuple[Fact, ...]

    @property
    def effective_cpus(self) -> int:
        """Threads that can run at once: the least of affinity, cpuset and quota."""
        return self.limits.effective_cpus


def fingerprint(state_dir: Path | None = None) -> Fingerprint:
    """Identify this host.

    Args:
        state_dir: where the host keeps its id; the default settings' directory if None.

    Raises:
        InvalidInputError: ``state_dir`` cannot be written.
    """
    directory = state.prepare(state_dir or settings.defaults().state_dir)
    files, gpus = HostFiles(), read_gpus()
    software = probe_environment(cache=directory / "torch.json", driver_version=gpus.driver_version)
    hardware, cores = probe_hardware(files, gpus)
    record = Hardware.of(_values(hardware))
    return Fingerprint(
        hardware=record,
        environment=Environment.of(_values(software)),
        host=Host(
            host_id=state.host_id(directory),
            host_name=platform.node(),
            hardware_id=record.hardware_id,
            latbase_version=importlib.metadata.version("latbase"),
            seen_at=datetime.now(UTC),
        ),
        limits=read_limits(files),
        cores=cores,
        gpus=gpus.gpus,
        notes=hardware.notes + software.notes,
        explanation=hardware.facts + software.facts,
    )


def probe_hardware(files: HostFiles, gpus: GpuReport) -> tuple[Probed, tuple[Core, ...]]:
    """Return the hashed facts of a host and its cores; ``files`` may be a captured host."""
    cores = read_cores(files)
    parts = (probe_cpu(files), probe_topology(files, cores), probe_machine(files), gpus.probed())
    facts = tuple(itertools.chain.from_iterable(part.facts for part in parts))
    notes = tuple(itertools.chain.from_iterable(part.notes for part in parts))
    return Probed(facts=facts, notes=notes), cores


def _values(probed: Probed) -> dict[str, object]:
    return {fact.name: fact.value for fact in probed.facts}

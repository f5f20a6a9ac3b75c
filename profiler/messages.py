"""What the session and its timing child say to each other: one JSON object per line."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Required, Self, TypedDict

REAL_TIME = "real-time"
"""How :class:`Started` says that the child has real-time priority."""


class Command(TypedDict, total=False):
    """One command: ``add`` a config, ``visit`` for some readings, ``drop``, ``move``, ``renew``.

    ``weigh`` asks ``add`` for the peak memory too, which takes a recorded forward pass. ``calls``
    is what ``add`` answered for this sub-network in another process, None the first time. ``move``
    gives all that is held other places in memory. ``renew`` asks for a fresh process that holds
    nothing; it answers as a child does when it starts.
    """

    do: Required[str]
    key: str
    config: Mapping[str, object]
    weigh: bool
    calls: int | None
    readings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """Everything a timing child needs to know before it starts.

    Attributes:
        supernet: name to load it by.
        device: ``cpu`` or ``cuda``; the parent has made the right GPU the only visible one.
        gpu_uuid: serial of that GPU, None for the CPU.
        cpus: logical CPUs to pin to.
        threads: intra-op threads.
        parent: process id; the child dies with it.
        renewed: whether fresh processes will be asked for.
    """

    supernet: str
    device: str
    gpu_uuid: str | None
    cpus: tuple[int, ...]
    threads: int
    batch_size: int
    precision: str
    engine: str
    memory_format: str
    input_size: int
    parent: int
    renewed: bool

    def to_json(self) -> str:
        """Return the spec as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        row = json.loads(text)
        return cls(**{**row, "cpus": tuple(row["cpus"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The child is ready; its process id travels beside this.

    Attributes:
        scheduling: :data:`REAL_TIME`, or what it has instead and why.
        huge_pages: whom the kernel gives huge pages: ``always``, ``madvise`` (those that ask, as
            the child does) or ``never``; None where it does not tell.
        energy_scope: what the energy counter covers; None if there is none.
        energy_absent: why there is none.
    """

    scheduling: str
    huge_pages: str | None
    energy_scope: str | None
    energy_absent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A sub-network is built, prepared and warm.

    Attributes:
        build_s: extracting the static sub-network.
        prepare_s: conversion and engine, compiling included.
        warm_up_ms: the first and last warm-up calls; none where ``calls`` was given.
        calls: forward passes per reading.
        peak_memory_bytes: weights, buffers and the most that was allocated during a forward pass;
            None where torch could not tell or was not asked.
    """

    build_s: float
    prepare_s: float
    warm_up_ms: tuple[float, ...]
    calls: int
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """One visit: see :class:`latbase.profiler.ledger.Block`."""

    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]
    gpu_ms: tuple[float, ...]
    energy_mj: float | None

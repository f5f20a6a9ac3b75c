"""The timing child: a fresh process that builds sub-networks and visits them on command.

Started by :mod:`latbase.profiler.child` as ``python -m latbase.profiler.worker SPEC``. It reads
one command per line on stdin and answers each with one line on what was stdout; everything that
libraries print goes to stderr. Nothing here decides anything: protocol and statistics are the
parent's.
"""

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from latbase.profiler.energy import cpu_counter, gpu_counter
from latbase.profiler.messages import REAL_TIME, Command, Started, WorkerSpec
from latbase.profiler.probes.files import HostFiles

if TYPE_CHECKING:
    from latbase.profiler.subjects import Subjects

REAL_TIME_PRIORITY = 10
"""Above everything that is not real-time itself; kernel threads that matter run higher."""

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the parent until it closes the pipe."""
    spec = WorkerSpec.from_json(sys.argv[1])
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    die_with(spec.parent)
    scheduling = isolate(spec.cpus)
    # Imported only now: the threads torch starts inherit affinity and priority.
    from latbase.profiler.subjects import Subjects  # noqa: PLC0415

    counter = gpu_counter(spec.gpu_uuid) if spec.gpu_uuid else cpu_counter(HostFiles())
    subjects = Subjects(spec, counter.read_mj)
    started = Started(
        scheduling=scheduling,
        energy_scope=counter.scope or None,
        energy_absent=counter.absent or None,
    )
    channel.write(json.dumps(asdict(started)) + "\n")
    for line in sys.stdin:
        channel.write(json.dumps(_answer(subjects, json.loads(line))) + "\n")


def _answer(subjects: "Subjects", command: Command) -> dict[str, object]:
    """Carry out ``command``; an error of the sub-network is an answer, not the end."""
    key = command["key"]
    try:
        if command["do"] == "add":
            return asdict(subjects.add(key, command["config"], weigh=command["weigh"]))
        if command["do"] == "visit":
            return asdict(subjects.visit(key, command["readings"]))
    except Exception as error:  # noqa: BLE001 -- a user's network may raise anything
        return {"error": f"{type(error).__name__}: {error}"}
    subjects.drop(key)
    return {}


def isolate(cpus: tuple[int, ...]) -> str:
    """Pin this process to ``cpus`` and give it real-time priority; say what was permitted."""
    os.sched_setaffinity(0, cpus)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REAL_TIME_PRIORITY))
    except OSError as error:
        return f"normal priority ({error.strerror}: needs CAP_SYS_NICE or an rtprio limit)"
    return REAL_TIME


def die_with(parent: int) -> None:
    """Ask the kernel to end this process when its parent dies, also by kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the measuring process is gone")


if __name__ == "__main__":
    main()

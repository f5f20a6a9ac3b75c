"""The timing child: a fresh process that builds sub-networks and visits them on command.

Started by :mod:`latbase.profiler.child` as ``python -m latbase.profiler.worker SPEC``. It reads
one command per line on stdin and answers each with one line on what was stdout; everything that
libraries print goes to stderr. Nothing here decides anything: protocol and statistics are the
parent's.

Where fresh processes will be asked for, the process that was started imports torch and loads the
supernet, and then only makes copies of itself: a copy serves until it is asked for a fresh one, and
the next begins with what the first had, so that nothing is imported twice and nothing that was
built or run is left. A copy that dies takes the others' origin with it, in the same way.
"""

import ctypes
import gc
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, TextIO

from latbase.profiler.energy import cpu_counter, gpu_counter
from latbase.profiler.messages import REAL_TIME, Command, Started, WorkerSpec
from latbase.profiler.probes.files import HostFiles

if TYPE_CHECKING:
    from latbase.profiler.subjects import Subjects
    from latbase.supernets import Supernet

REAL_TIME_PRIORITY = 10
"""Above everything that is not real-time itself; kernel threads that matter run higher."""

REAL_TIME_SHARE = 0.95
"""Of each second, what Linux lets real-time processes have unless it is told otherwise."""

CAUTION = 1.1
"""How much longer than it must the child rests, since its rests and the kernel's seconds differ."""

HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"

PR_SET_PDEATHSIG = 1

RENEW = 3
"""Status with which a copy ends that was asked for a fresh process."""


def main() -> None:
    """Serve the parent until it closes the pipe."""
    spec = WorkerSpec.from_json(sys.argv[1])
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    die_with(spec.parent)
    scheduling = isolate(spec.cpus)
    # Imported only now: the threads torch starts inherit affinity and priority.
    from latbase.profiler.subjects import load  # noqa: PLC0415

    serve = partial(_serve, spec, load(spec.supernet), scheduling, channel)
    if not spec.renewed:
        serve()
    elif threading.active_count() > 1:  # a copy would lack the threads the supernet started
        if serve():
            os.dup2(channel.fileno(), 1)
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- this very program again
    else:
        while (status := _in_a_copy(serve)) == RENEW:
            pass
        _end_likewise(status)


def _serve(spec: WorkerSpec, network: "Supernet", scheduling: str, channel: TextIO) -> bool:
    """Carry out commands; return whether a fresh process was asked for."""
    from latbase.profiler.subjects import Subjects  # noqa: PLC0415 -- see main

    files = HostFiles()
    counter = gpu_counter(spec.gpu_uuid) if spec.gpu_uuid else cpu_counter(files)
    subjects = Subjects(spec, network, counter.read_mj)
    rest = resting_share(files) if scheduling == REAL_TIME else 0.0
    chosen = re.search(r"\[(\w+)\]", files.text(HUGE_PAGES) or "")
    started = Started(
        scheduling=scheduling,
        huge_pages=chosen[1] if chosen else None,
        energy_scope=counter.scope or None,
        energy_absent=counter.absent or None,
    )
    channel.write(json.dumps({"pid": os.getpid(), **asdict(started)}) + "\n")
    for line in sys.stdin:
        command: Command = json.loads(line)
        if command["do"] == "renew":
            return True
        begin = time.perf_counter()
        channel.write(json.dumps(_answer(subjects, command)) + "\n")
        time.sleep(rest * (time.perf_counter() - begin))  # while the parent thinks
    return False


def _in_a_copy(serve: Callable[[], bool]) -> int:
    """Run ``serve`` in a copy of this process; return its status, or its signal below zero."""
    origin = os.getpid()
    copy = os.fork()
    if copy == 0:
        die_with(origin)
        gc.freeze()  # looking through what was copied would copy its pages, in mid-pass too
        try:
            status = RENEW if serve() else 0
        except BaseException:  # noqa: BLE001 -- whatever it is must not end as a fresh start
            traceback.print_exc()
            status = 1
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])


def _end_likewise(status: int) -> None:
    if status < 0:
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _answer(subjects: "Subjects", command: Command) -> dict[str, object]:
    """Carry out ``command``; an error of the sub-network is an answer, not the end."""
    key = command.get("key", "")  # move is for all
    try:
        if command["do"] == "add":
            weigh, calls = command["weigh"], command["calls"]
            return asdict(subjects.add(key, command["config"], weigh=weigh, calls=calls))
        if command["do"] == "visit":
            return asdict(subjects.visit(key, command["readings"]))
        if command["do"] == "move":
            subjects.move()
            return {}
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- a user's network may raise anything
        return {"error": f"{type(error).__name__}: {error}"}
    subjects.drop(key)
    return {}


def resting_share(files: HostFiles) -> float:
    """Return how long to rest after real-time work, as a share of the work.

    Whoever uses up the share of a second that real-time processes may have is stopped for the rest
    of it, in the middle of a pass: 50 ms, once a second. Passes of 0.2 s and more may still be.
    """
    period = files.number("/proc/sys/kernel/sched_rt_period_us")
    runtime = files.number("/proc/sys/kernel/sched_rt_runtime_us")
    if runtime is not None and runtime < 0:
        return 0.0
    share = runtime / period if runtime and period else REAL_TIME_SHARE
    return CAUTION * (1.0 / share - 1.0)


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

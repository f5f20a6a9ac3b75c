"""The parent's end of a timing child: start it, ask it, notice when it dies or hangs."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, Self

from latbase.errors import MeasurementError
from latbase.profiler.messages import Added, Command, Started, Visited, WorkerSpec

START_TIMEOUT_S = 180.0
"""Importing torch and the supernet; a cold network file system takes a minute."""

ADD_TIMEOUT_S = 900.0
"""Building and preparing; ``torch.compile`` takes up to a minute on an idle core."""

VISIT_TIMEOUT_S = 300.0
"""One visit; longer than any sub-network that is worth searching for."""

STDERR_TAIL = 2000
"""Characters of the child's last words that go into an error."""

FIXED_ENVIRONMENT = {
    # Spinning barriers turned 40 ms into 1,140 ms when two threads shared a busy host.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
    "OMP_PROC_BIND": "true",
    "OMP_DYNAMIC": "FALSE",
    "MKL_DYNAMIC": "FALSE",
    # glibc returns freed memory to the kernel or keeps it, as the heap happens to lie: the same
    # network took 0 page faults per pass in one process and 2,600 in the next, and a fifth longer.
    # Keep it always; 32 MiB is the largest threshold glibc accepts.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    # Containers often allow one heap; the builder thread needs one of its own (subjects.py).
    "MALLOC_ARENA_MAX": "8",
}

HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""Ask the kernel for pages of 2 MB for the heap of the passes (glibc does not for other threads',
so weights stay on 4 kB): a pass took a tenth less time, and strayed by a fifth less."""


class ChildDiedError(MeasurementError):
    """The child ended or had to be ended; the message says how and what it said last."""


class Child:
    """One timing child; a context manager that ends it.

    Raises:
        ChildDiedError: from every method, when the child dies or does not answer in time.
        MeasurementError: from :meth:`add` and :meth:`visit`, when the sub-network raises.

    Attributes:
        pid: of the process that measures now.
        started: how it runs.
    """

    def __init__(self, spec: WorkerSpec, environ: Mapping[str, str] = os.environ) -> None:
        self._stderr = tempfile.TemporaryFile(  # noqa: SIM115 -- closed with the child
            "w+", errors="replace"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "latbase.profiler.worker", spec.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=child_environment(spec, environ),
            start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
        )
        try:
            self._meet()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self, key: str, config: Mapping[str, object], *, weigh: bool, calls: int | None
    ) -> Added:
        """Build the sub-network of ``config`` and keep it ready as ``key``: :class:`Command`."""
        command: Command = {
            "do": "add",
            "key": key,
            "config": config,
            "weigh": weigh,
            "calls": calls,
        }
        answer = self._ask(command, ADD_TIMEOUT_S)
        return Added(**{**answer, "warm_up_ms": tuple(answer["warm_up_ms"])})

    def visit(self, key: str, readings: int) -> Visited:
        """Time ``readings`` readings of ``key``."""
        answer = self._ask({"do": "visit", "key": key, "readings": readings}, VISIT_TIMEOUT_S)
        times = {name: tuple(answer[name]) for name in ("wall_ms", "cpu_ms", "gpu_ms")}
        return Visited(**times, energy_mj=answer["energy_mj"])

    def drop(self, key: str) -> None:
        """Free the memory of ``key``."""
        self._ask({"do": "drop", "key": key}, VISIT_TIMEOUT_S)

    def move(self) -> None:
        """Give all that is held other places in memory."""
        self._ask({"do": "move"}, ADD_TIMEOUT_S)

    def renew(self) -> None:
        """Go on with a fresh process, which holds nothing."""
        self._send({"do": "renew"})
        self._meet()

    def close(self) -> None:
        """End the child at once."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with suppress(BrokenPipeError):  # a command that never reached it
                    stream.close()

    def _meet(self) -> None:
        """Take in who answers now and how it runs."""
        answer = self._receive(START_TIMEOUT_S)
        self.pid: int = answer.pop("pid")
        self.started = Started(**answer)

    def _send(self, command: Command) -> None:
        try:
            self._pipe(self._process.stdin).write(json.dumps(command).encode() + b"\n")
            self._pipe(self._process.stdin).flush()
        except OSError as error:
            raise self._died() from error

    def _ask(self, command: Command, timeout_s: float) -> dict[str, Any]:
        self._send(command)
        answer = self._receive(timeout_s)
        if "error" in answer:
            raise MeasurementError(answer["error"])
        return answer

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next answer; lines are short, so one that begins also ends."""
        stream = self._pipe(self._process.stdout)
        ready, _, _ = select.select([stream], [], [], timeout_s)
        if not ready:
            self._process.kill()
            raise ChildDiedError(f"it did not answer within {timeout_s:.0f} s and was ended")
        line = stream.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        return dict(json.loads(line))

    def _died(self) -> ChildDiedError:
        status = self._process.wait()
        self._stderr.seek(0)
        words = self._stderr.read()[-STDERR_TAIL:].strip()
        if status == -signal.SIGKILL:
            return ChildDiedError(
                "its process was killed (signal 9): most often there is not enough memory"
            )
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        last = words.splitlines()[-1] if words else "it said nothing"
        return ChildDiedError(f"its process ended with {how} ({last})")

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream


def child_environment(spec: WorkerSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: explicit threads, passive waiting, one visible GPU."""
    places = ",".join(f"{{{cpu}}}" for cpu in spec.cpus)
    tunables = ":".join(filter(None, [environ.get("GLIBC_TUNABLES"), HUGE_PAGES]))
    threads = str(spec.threads)
    return {
        **environ,
        **FIXED_ENVIRONMENT,
        "GLIBC_TUNABLES": tunables,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OMP_PLACES": places,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": spec.gpu_uuid or "",
        "KINETO_LOG_LEVEL": "5",
    }


class Stage:
    """Sub-networks held ready in a timing child that is replaced when it dies.

    Args:
        spec: how every child is started.
        config_of: returns the configuration of a sub-network by its key.
    """

    def __init__(self, spec: WorkerSpec, config_of: Callable[[str], Mapping[str, object]]) -> None:
        self._spec = spec
        self._config_of = config_of
        self._child: Child | None = None
        self._ready: set[str] = set()
        self._calls: dict[str, int] = {}

    def child(self) -> Child:
        """Return the living child, after starting it if need be."""
        if self._child is None:
            self._child = Child(self._spec)
        return self._child

    def prepare(self, key: str, *, weigh: bool) -> Added | None:
        """Make ``key`` ready, and see what memory it takes if asked; None if it was ready.

        Raises:
            MeasurementError: it cannot be; after :class:`ChildDiedError` everything else is made
                ready again when it is asked for.
        """
        if key in self._ready:
            return None
        with self._replacing():
            # How long it takes is known from an earlier process; one that died may not have said.
            calls = self._calls.get(key) if self._spec.renewed else None
            added = self.child().add(key, self._config_of(key), weigh=weigh, calls=calls)
        self._ready.add(key)
        self._calls[key] = added.calls
        return added

    def visit(self, key: str, readings: int) -> Visited:
        """Time ``key``, which is ready; errors as in :meth:`prepare`."""
        with self._replacing():
            return self.child().visit(key, readings)

    def drop(self, key: str) -> None:
        """Free ``key`` if it is held."""
        if key in self._ready:
            self._ready.remove(key)
            with suppress(ChildDiedError), self._replacing():
                self.child().drop(key)

    def move(self) -> None:
        """Give all that is held other places in memory.

        Raises:
            MeasurementError: a network's tensors cannot be copied.
        """
        if self._child is not None:
            with suppress(ChildDiedError), self._replacing():
                self._child.move()

    def renew(self) -> None:
        """Hold nothing, in a fresh process."""
        self._ready.clear()
        if self._child is not None:
            with suppress(ChildDiedError), self._replacing():
                self._child.renew()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
        self._child = None
        self._ready.clear()

    @contextmanager
    def _replacing(self) -> Iterator[None]:
        try:
            yield
        except ChildDiedError:
            self.close()
            raise

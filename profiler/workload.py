"""The jobs in a daemon's hands: what waits, what is measured now, and the process that does it.

The daemon never waits for any of it: the measuring process writes to the outbox, on disk, and goes
on while the store is out of reach.
"""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from latbase.profiler.assignment import Assignment
from latbase.profiler.journal import say, warn
from latbase.profiler.outbox import Outbox

END_S = 10.0
"""How long a measuring process may take to end when it is told to."""

NICENESS = 10
"""Of the daemon's own threads: whatever they do yields to everything else on the host."""


class Workload:
    """Assignments, carried out one after another.

    Args:
        outbox: where results appear.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: deque[Assignment] = deque()
        self._open: set[str] = set()
        self._current: Assignment | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._launcher = ThreadPoolExecutor(1, thread_name_prefix="launcher")
        # On Linux niceness belongs to a thread. The launcher's stays, for the measuring process
        # inherits it; this thread and those it starts later step back.
        self._launcher.submit(os.getpid).result()
        os.nice(NICENESS)

    def __bool__(self) -> bool:
        return bool(self._waiting or self._current)

    @property
    def job_ids(self) -> frozenset[str]:
        """The jobs in hand; those whose result waits to be delivered are among them."""
        return frozenset(self._open)

    def add(self, assignments: Iterable[Assignment]) -> None:
        """Take assignments in hand, behind the others."""
        for assignment in assignments:
            self._waiting.append(assignment)
            self._open |= assignment.jobs.keys()

    def settle(self, job_id: str) -> None:
        """Put a job out of hand: the store has its result."""
        self._open.discard(job_id)

    def advance(self) -> None:
        """Notice the end of the measuring process and start the next one."""
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process.returncode)
        if self._process is None and self._waiting:
            self._begin(self._waiting[0])
            self._waiting.popleft()

    def withdraw(self, lost: frozenset[str]) -> None:
        """Put jobs out of hand that are no longer this host's; nothing is measured for them alone.

        A job that is measured together with others is measured to its end.
        """
        self._open -= lost
        self._waiting = deque(each for each in self._waiting if self._wanted(each))
        if self._current is not None and not self._wanted(self._current):
            self._end_process()

    def close(self) -> None:
        """End the measuring process; its spool stays for the next."""
        self._end_process()
        self._launcher.shutdown()

    def _begin(self, assignment: Assignment) -> None:
        try:
            self._process = self._launcher.submit(_start, assignment).result()
        except OSError as error:  # short of memory or processes: the next attempt may find them
            self._fail(assignment, f"the measuring process could not be started: {error}")
            return
        self._current = assignment
        say(
            "measuring_started",
            supernet=assignment.supernet,
            configuration=assignment.configuration.configuration_id,
            jobs=len(assignment.jobs),
            pid=self._process.pid,
        )

    def _ended(self, status: int) -> None:
        assert self._current is not None
        self._fail(self._current, _cause(status))
        self._process = self._current = None

    def _fail(self, assignment: Assignment, reason: str) -> None:
        """Keep ``reason`` for the jobs of ``assignment`` that have no result."""
        missing = (assignment.jobs.keys() & self._open) - self._outbox.waiting()
        if missing:
            warn("measuring_died", reason=reason, jobs=len(missing))
        for job_id in missing:
            self._outbox.put_failure(job_id, reason)

    def _wanted(self, assignment: Assignment) -> bool:
        return not self._open.isdisjoint(assignment.jobs)

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._current = None


def _start(assignment: Assignment) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "latbase.profiler.runner", str(os.getpid())],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the daemon, which then ends it
    )
    assert process.stdin is not None
    # If it ends before it has read all of that, its status says why.
    with suppress(BrokenPipeError), process.stdin as channel:
        channel.write(assignment.to_json())
    return process


def _cause(status: int) -> str:
    if status == -signal.SIGKILL:
        return "the measuring process was killed (signal 9): most often there is not enough memory"
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"the measuring process ended with {how}; the daemon's log shows its last words"

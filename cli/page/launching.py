"""Searches started from the dashboard: each is the ordinary command in a process of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from latbase.db import queries
from latbase.db.records import SearchStatus
from latbase.errors import UnknownNameError

if TYPE_CHECKING:
    from latbase.db import Store

COMMAND = ("-m", "latbase")

TAIL_BYTES = 2_000
"""How much of a process's output is shown."""

STOP_S = 30.0
"""How long a search may take to end its measurement before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A search as the dashboard asks for it."""

    supernet: str
    configuration_id: str
    objectives: tuple[str, ...]
    evaluations: int
    tactic: str
    seed: int

    def arguments(self) -> list[str]:
        """Return the words of the command; values never become options."""
        objectives = [f"--objective={objective}" for objective in self.objectives]
        return [
            "search",
            f"--config={self.configuration_id}",
            f"--evaluations={self.evaluations}",
            f"--tactic={self.tactic}",
            f"--seed={self.seed}",
            *objectives,
            "--new",
            "--",
            self.supernet,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process that searches."""

    number: int
    wanted: Wanted
    began_at: datetime
    process: "subprocess.Popen[bytes]"
    output: IO[bytes]

    @property
    def exit_code(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.poll()

    def tail(self) -> str:
        """Return the end of what it said."""
        size = self.output.seek(0, os.SEEK_END)
        return os.pread(self.output.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(
            errors="replace"
        )


class Launcher:
    """Starts and stops searches while its ``with`` block lasts; safe to share between threads.

    Args:
        target: the store they work with.
        command: what the Python of this process runs, before the arguments of ``latbase``.
    """

    def __init__(self, target: str, command: Sequence[str] = COMMAND) -> None:
        self._target = target
        self._command = command
        self._lock = threading.Lock()
        self._launches: list[Launch] = []

    def start(self, wanted: Wanted) -> Launch:
        """Start a search beside this process."""
        output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the launch is shown
        process = subprocess.Popen(
            [sys.executable, *self._command, *wanted.arguments()],
            env=os.environ | {"LATBASE_STORE": self._target},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with self._lock:
            launch = Launch(
                number=len(self._launches) + 1,
                wanted=wanted,
                began_at=datetime.now(UTC),
                process=process,
                output=output,
            )
            self._launches.append(launch)
        return launch

    def all(self) -> list[Launch]:
        """Return every launch of this process, newest first."""
        with self._lock:
            return self._launches[::-1]

    def stop(self, store: "Store", number: int) -> Launch:
        """End a search as Ctrl-C would, and mark it as stopped in ``store``.

        Raises:
            UnknownNameError: there is no launch of that number.
        """
        launch = next((each for each in self.all() if each.number == number), None)
        if launch is None:
            raise UnknownNameError(f"This service started no search number {number}.")
        if launch.exit_code is None:
            _end(launch.process)
            _mark_stopped(store, launch)
        return launch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what still runs; nobody called those searches off, so they can be continued."""
        for launch in self.all():
            _end(launch.process)
            launch.output.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a process if it still runs, and wait for its end."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _mark_stopped(store: "Store", launch: Launch) -> None:
    """Mark the search that the launch began, if it came so far."""
    wanted = launch.wanted
    found = store.query(
        "SELECT search_id FROM search JOIN supernet USING (supernet_id) WHERE supernet = ? "
        # A search that measures nothing is of no configuration.
        "AND coalesce(configuration_id = ?, true) AND tactic = ? AND seed = ? "
        "AND status = 'running' AND created_at >= ? ORDER BY created_at LIMIT 1",
        [
            wanted.supernet,
            wanted.configuration_id,
            wanted.tactic,
            wanted.seed,
            launch.began_at,
        ],
    )["search_id"].to_pylist()
    for search_id in found:
        store.write([replace(queries.search(store, search_id), status=SearchStatus.STOPPED)])

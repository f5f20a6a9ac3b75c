"""One daemon per host: a lock that the kernel frees, and a file that says who holds it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from latbase.errors import DaemonError
from latbase.profiler import state
from latbase.profiler.locks import host_lock
from latbase.settings import defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """The daemon that runs on this host.

    Attributes:
        store: path or address.
        since: when it started, ISO 8601.
        finished: jobs whose measurements it delivered since then.
        failed: jobs it gave back with a reason since then.
        measuring: jobs in its hands now.
    """

    pid: int
    store: str
    since: str
    finished: int = 0
    failed: int = 0
    measuring: int = 0


@contextmanager
def only_daemon(state_dir: Path, store: str) -> Iterator[Presence]:
    """Be the daemon of this host for the block; yields how it begins.

    A state directory that somebody chose makes a host of its own, as containers and tests are; the
    ones of all users by default are one host.

    Raises:
        DaemonError: another daemon runs here.
    """
    with ExitStack() as held:
        lock = held.enter_context((state.prepare(state_dir) / "daemon.lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DaemonError(_occupied(_read(state_dir))) from error
        if state_dir == defaults().state_dir:
            try:
                held.enter_context(host_lock("daemon"))
            except BlockingIOError as error:
                raise DaemonError(_occupied(f"{error}, of another user")) from error
        began = datetime.now(UTC).isoformat(timespec="seconds")
        presence = Presence(pid=os.getpid(), store=store, since=began)
        publish(state_dir, presence)
        yield presence
        _file(state_dir).unlink(missing_ok=True)


def publish(state_dir: Path, presence: Presence) -> None:
    """Say how the daemon of this host stands."""
    draft = _file(state_dir).with_suffix(".draft")
    draft.write_text(json.dumps(asdict(presence)))
    draft.replace(_file(state_dir))


def running(state_dir: Path) -> Presence | None:
    """Return the daemon that runs on this host; None if there is none."""
    lock = state_dir / "daemon.lock"
    if not lock.exists():
        return None
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(state_dir)
    return None


def _occupied(other: Presence | str | None) -> str:
    who = other or "starting"
    if isinstance(other, Presence):
        who = f"process {other.pid}, on {other.store}, since {other.since}"
    return (
        f"A daemon runs on this host already ({who}); one is enough for all devices. "
        "Stop it first, or give this one a state directory of its own with LATBASE_STATE_DIR."
    )


def _read(state_dir: Path) -> Presence | None:
    try:
        return Presence(**json.loads(_file(state_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _file(state_dir: Path) -> Path:
    return state_dir / "daemon.json"

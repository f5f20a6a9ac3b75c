"""One measurement at a time per device on a host, across processes and users."""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from latbase.errors import MeasurementError

RUN_LOCK = Path("/run/lock")
"""Shared by all users of a host and emptied at boot."""


def lock_directory() -> Path:
    """Return the directory every user of this host finds the locks in."""
    return RUN_LOCK if os.access(RUN_LOCK, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def device_lock(
    device: str,
    *,
    directory: Path | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold ``device`` while measuring; the kernel lets go when this process ends, however it ends.

    Args:
        device: ``cpu`` or the serial of a GPU.
        directory: where the locks lie; one for the whole host by default.
        on_wait: told once, with who holds the device, before waiting; None fails instead.

    Raises:
        MeasurementError: another process measures on the device and ``on_wait`` is None.
    """
    name = re.sub(r"[^\w-]", "_", device)
    path = (directory or lock_directory()) / f"latbase-{name}.lock"
    descriptor = _open(path)
    try:
        _acquire(descriptor, f"{device} is being measured by {_holder(path)}", on_wait)
        _sign(path)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open another user's lock without creating it: sticky directories forbid O_CREAT then."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _acquire(descriptor: int, busy: str, on_wait: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if on_wait is None:
            raise MeasurementError(f"{busy}; measure again when it has finished.") from error
        on_wait(f"{busy}; waiting until it has finished.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(path: Path) -> str:
    try:
        return f"process {int(path.read_text())}"
    except (OSError, ValueError):
        return "another process"


def _sign(path: Path) -> None:
    if os.access(path, os.W_OK):  # another user's lock file stays as it is
        path.write_text(f"{os.getpid()}\n")

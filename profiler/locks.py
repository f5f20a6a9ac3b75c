"""What only one process of a host may do, across users: measure on a device, be the daemon."""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
    """Hold ``device`` while measuring.

    Args:
        device: ``cpu`` or the serial of a GPU.
        directory: where the locks lie; one for the whole host by default.
        on_wait: told once, with who holds the device, before waiting; None fails instead.

    Raises:
        MeasurementError: another process measures on the device and ``on_wait`` is None.
    """

    def wait(holder: str) -> bool:
        if on_wait is not None:
            on_wait(f"{device} is being measured by {holder}; waiting until it has finished.")
        return on_wait is not None

    with ExitStack() as held:
        try:
            held.enter_context(host_lock(device, directory=directory, wait=wait))
        except BlockingIOError as error:
            raise MeasurementError(
                f"{device} is being measured by {error}; measure again when it has finished."
            ) from error
        yield


@contextmanager
def host_lock(
    name: str, *, directory: Path | None = None, wait: Callable[[str], bool] = lambda _: False
) -> Iterator[None]:
    """Hold what only one process of a host may; the kernel lets go when it ends, however it ends.

    Args:
        name: what to hold.
        directory: where the locks lie; one for the whole host by default.
        wait: told who holds it if it is held; returns whether to wait.

    Raises:
        BlockingIOError: it is held, by whom its text says.
    """
    file = re.sub(r"[^\w-]", "_", name)
    path = (directory or lock_directory()) / f"latbase-{file}.lock"
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(path)
            if not wait(holder):
                raise BlockingIOError(holder) from error
            fcntl.flock(descriptor, fcntl.LOCK_EX)
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


def _holder(path: Path) -> str:
    try:
        return f"process {int(path.read_text())}"
    except (OSError, ValueError):
        return "another process"


def _sign(path: Path) -> None:
    if os.access(path, os.W_OK):  # another user's lock file stays as it is
        path.write_text(f"{os.getpid()}\n")

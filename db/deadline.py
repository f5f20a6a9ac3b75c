"""Stop a statement that runs too long, or that nobody waits for any more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INSIST_S = 0.05
"""Pause between looks, and between interrupts: one that falls between statements is lost."""


@contextmanager
def deadline(
    timeout_s: float | None, interrupt: Callable[[], None], cancelled: threading.Event | None = None
) -> Iterator[threading.Event]:
    """Interrupt the block from ``timeout_s`` seconds on, or once ``cancelled`` is set.

    ``interrupt`` is called again and again until the block is left. The event that is yielded
    tells whether it ever was.
    """
    fired = threading.Event()
    if timeout_s is None and cancelled is None:
        yield fired
        return
    done = threading.Event()
    ends_s = None if timeout_s is None else time.monotonic() + timeout_s

    def watch() -> None:
        while not done.wait(INSIST_S):
            late = ends_s is not None and time.monotonic() >= ends_s
            if late or (cancelled is not None and cancelled.is_set()):
                fired.set()
                interrupt()

    watcher = threading.Thread(target=watch, name="latbase-deadline", daemon=True)
    watcher.start()
    try:
        yield fired
    finally:
        done.set()
        watcher.join()

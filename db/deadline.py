"""Stop a statement that runs too long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INSIST_S = 0.05
"""Pause between interrupts: one that falls between two statements has no effect."""


@contextmanager
def deadline(timeout_s: float | None, interrupt: Callable[[], None]) -> Iterator[None]:
    """Call ``interrupt`` again and again from ``timeout_s`` seconds on until the block is left."""
    if timeout_s is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        wait = timeout_s
        while not done.wait(wait):
            interrupt()
            wait = INSIST_S

    watcher = threading.Thread(target=watch, name="latbase-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()

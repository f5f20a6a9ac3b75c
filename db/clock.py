"""The time of a service: it follows the wall clock at the start and is not set back with it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Tells the time, in UTC."""


def steady_clock(
    wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
) -> Clock:
    """Return a clock that starts at the wall clock's time and runs on by the monotonic one.

    A wall clock that is set back, or forward, under a running service moves no lease.
    """
    started, began_s = datetime.fromtimestamp(wall_s(), UTC), monotonic_s()
    return lambda: started + timedelta(seconds=monotonic_s() - began_s)


def later(clock: Clock) -> Clock:
    """Return a clock that tells the time of ``clock`` or of the wall, whichever is later.

    For what must end in time, or not seem silent: a steady clock stands still while the machine is
    suspended, and keeps the error that the wall clock had at the start.
    """
    return lambda: max(clock(), datetime.now(UTC))

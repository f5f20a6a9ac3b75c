"""The time of a service: it follows the wall clock at the start and never goes back."""

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

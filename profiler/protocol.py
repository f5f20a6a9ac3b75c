"""The measuring protocol: visits, warm-up, rounds and the stop rule. Pure: clocks are injected.

A *visit* runs one sub-network a few times in a row and keeps every reading. A *round* visits every
active sub-network once, in a new random order, and the reference network with them. At most
``window`` sub-networks are active; as one meets its stop rule the next takes its place, so that
every sub-network is measured beside many others and a slow minute touches all of them alike.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from latbase.errors import InvalidInputError

Clock = Callable[[], int]
"""Returns nanoseconds; only differences count."""

MIN_SAMPLE_S = 0.5e-3
"""Shortest reading: reading the clocks takes about a microsecond, a five-hundredth of this.
Faster networks run several times per reading."""

MIN_WARM_UP_CALLS = 2
"""The first call of an eager network allocates its memory and takes 12-16 % longer."""

MAX_WARM_UP_CALLS = 50
MAX_WARM_UP_S = 30.0

WARM_UP_CALLS_KEPT = 25
"""Of the first and of the last: all on a CPU, while a small network warms a GPU up thousands of
times."""

PLATEAU = 0.97
"""Warm-up is over when a call no longer beats the best call before it by 3 %."""

FEWEST_ROUNDS = 2
"""One visit shows no variation between rounds, so there would be no interval."""

DRIFT_WINDOW_VISITS = 6
"""Visits between which a change of the host's speed is not looked for; windows of one speed are
merged (:func:`latbase.profiler.statistics.steady_stretches`)."""


class StopRule(StrEnum):
    """What ended the sampling of a sub-network."""

    INTERVAL = "interval"
    """More visits could narrow the interval by no more than asked."""
    ROUNDS = "rounds"
    """It had its number of rounds."""
    TIME = "time"
    """Its readings took as long as they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """How thoroughly to measure.

    Attributes:
        name: what users call it.
        samples_per_visit: readings per visit. Those of one visit err together (correlation 0.4),
            and not alike: the first finds the caches as other networks left them.
        min_rounds: visits before the interval is believed.
        max_rounds: visits after which sampling ends.
        interval_percent: as much of the half-width, in per cent, as more visits may still narrow.
        time_cap_s: reading time after which sampling ends.
        window: sub-networks active at once: the company that shows the drift.
        rounds_per_process: rounds after which a fresh process takes over and builds all anew, where
            building is cheap; None for never. At most half of ``min_rounds``, so that those that
            begin with different processes meet.
        rounds_per_place: rounds after which weights and activations move to other places in
            memory, in the same process, where that is cheap; None for never.
    """

    name: str
    samples_per_visit: int = 1
    min_rounds: int
    max_rounds: int
    interval_percent: float
    time_cap_s: float
    window: int = 32
    rounds_per_process: int | None = None
    rounds_per_place: int | None = None

    @property
    def admitted_per_round(self) -> int:
        """Sub-networks that begin in one round: the window is full before the first may end."""
        return math.ceil(self.window / self.min_rounds)

    @property
    def admitted_per_process(self) -> int:
        """Sub-networks that begin with one process, so that none is built for a few rounds."""
        return self.admitted_per_round * (self.rounds_per_process or 1)

    def retrying(self) -> "ProtocolSettings":
        """Return the limits for what was disturbed within these: twice as much of everything."""
        return replace(
            self,
            min_rounds=2 * self.min_rounds,
            max_rounds=2 * self.max_rounds,
            time_cap_s=2 * self.time_cap_s,
        )

    def __post_init__(self) -> None:
        if not FEWEST_ROUNDS <= self.min_rounds <= self.max_rounds:
            raise InvalidInputError(
                f"A protocol needs {FEWEST_ROUNDS} <= min_rounds <= max_rounds, not "
                f"{self.min_rounds} and {self.max_rounds}: one round shows no variation."
            )
        rounds = (self.rounds_per_process, self.rounds_per_place)
        counts = (self.samples_per_visit, self.window, *rounds)
        if any(count is not None and count < 1 for count in counts):
            raise InvalidInputError(
                "A protocol needs samples_per_visit, window, rounds_per_process and "
                "rounds_per_place of at least 1."
            )
        if self.rounds_per_process and 2 * self.rounds_per_process > self.min_rounds:
            raise InvalidInputError(
                f"A protocol needs rounds_per_process of at most half of min_rounds, not "
                f"{self.rounds_per_process} with {self.min_rounds}: sub-networks that begin with "
                "different processes would share no round."
            )


QUICK = ProtocolSettings(
    name="quick",
    min_rounds=8,
    max_rounds=16,
    interval_percent=3.0,
    time_cap_s=10.0,
    rounds_per_process=4,
)
DEFAULT = ProtocolSettings(
    name="default",
    min_rounds=40,
    max_rounds=40,
    interval_percent=0.6,
    time_cap_s=30.0,
    window=64,
    rounds_per_process=20,
    rounds_per_place=5,
)
THOROUGH = ProtocolSettings(
    name="thorough",
    min_rounds=100,
    max_rounds=400,
    interval_percent=0.5,
    time_cap_s=300.0,
    rounds_per_process=20,
    rounds_per_place=5,
)
PRESETS = {preset.name: preset for preset in (QUICK, DEFAULT, THOROUGH)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One visit: wall and CPU time per forward pass, in ms, one entry per reading."""

    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]


def warm_up(call: Callable[[], None], clock: Clock, *, minimum_s: float = 0.0) -> tuple[float, ...]:
    """Run ``call`` until it no longer gets faster; return how long the runs took in ms.

    Of many runs only the first and last :data:`WARM_UP_CALLS_KEPT` are returned.

    Args:
        call: one forward pass, complete when it returns.
        clock: wall clock in ns.
        minimum_s: go on at least this long (a GPU needs time to raise its clocks).
    """
    times: list[float] = []
    total_ms, best_ms = 0.0, math.inf
    while len(times) < MAX_WARM_UP_CALLS or total_ms < minimum_s * 1e3:
        start = clock()
        call()
        times.append((clock() - start) / 1e6)
        total_ms += times[-1]
        settled = len(times) >= MIN_WARM_UP_CALLS and times[-1] >= PLATEAU * best_ms
        best_ms = min(best_ms, times[-1])
        if total_ms >= MAX_WARM_UP_S * 1e3 or (settled and total_ms >= minimum_s * 1e3):
            break
    return (*times[:WARM_UP_CALLS_KEPT], *times[WARM_UP_CALLS_KEPT:][-WARM_UP_CALLS_KEPT:])


def calls_per_reading(call_ms: float) -> int:
    """Return how many calls make a reading long enough for the clock."""
    return max(1, math.ceil(MIN_SAMPLE_S * 1e3 / call_ms)) if call_ms > 0 else 1


def visit(
    call: Callable[[], None], clock: Clock, cpu_clock: Clock, *, readings: int, calls: int
) -> Readings:
    """Take ``readings`` readings of ``calls`` forward passes each."""
    wall, cpu = [], []
    for _ in range(readings):
        cpu_start, start = cpu_clock(), clock()
        for _ in range(calls):
            call()
        stop, cpu_stop = clock(), cpu_clock()
        wall.append((stop - start) / 1e6 / calls)
        cpu.append((cpu_stop - cpu_start) / 1e6 / calls)
    return Readings(wall_ms=tuple(wall), cpu_ms=tuple(cpu))


class Rota:
    """Who is visited in which round.

    Args:
        waiting: keys in the order they shall begin.
        window: most that are active at once.
        seed: of the order within rounds.
    """

    def __init__(self, waiting: Iterable[str], *, window: int, seed: int) -> None:
        self._waiting = list(reversed(list(waiting)))
        self._window = window
        self._active: list[str] = []
        self._random = random.Random(seed)

    @property
    def active(self) -> Sequence[str]:
        """Keys that are visited in every round now."""
        return self._active

    def __bool__(self) -> bool:
        return bool(self._waiting or self._active)

    def admit(self, most: int) -> None:
        """Begin at most ``most`` of the waiting keys, as far as there is room.

        Called once a round with a small number: sub-networks that begin in different rounds also
        end in different ones, so that each shares rounds with many others, which ties the whole
        session together.
        """
        room = min(most, self._window - len(self._active), len(self._waiting))
        self._active += [self._waiting.pop() for _ in range(room)]

    def retire(self, key: str) -> None:
        """End the visits of ``key``."""
        self._active.remove(key)

    def order(self, company: Iterable[str] = ()) -> list[str]:
        """Return the active keys and ``company`` in a new random order."""
        keys = [*self._active, *company]
        self._random.shuffle(keys)
        return keys


def stop_rule(
    settings: ProtocolSettings, *, rounds: int, half_width_percent: float, reading_s: float
) -> StopRule | None:
    """Return the rule that ends the sampling of a sub-network now, or None to go on.

    Args:
        settings: the limits.
        rounds: visits so far.
        half_width_percent: what more visits could narrow of that of its interval.
        reading_s: its readings so far, added up.
    """
    if rounds >= settings.min_rounds and half_width_percent <= settings.interval_percent:
        return StopRule.INTERVAL
    if rounds >= settings.max_rounds:
        return StopRule.ROUNDS
    if rounds >= FEWEST_ROUNDS and reading_s >= settings.time_cap_s:
        return StopRule.TIME
    return None

import itertools

import pytest

from latbase.errors import InvalidInputError
from latbase.profiler import protocol
from latbase.profiler.protocol import PRESETS, ProtocolSettings, Rota, StopRule, stop_rule


class Machine:
    """A clock and a call that takes the given times in ms, then the last one for ever."""

    def __init__(self, *times_ms: float) -> None:
        self.times_ms = list(times_ms)
        self.now_ns = 0
        self.calls = 0

    def clock(self) -> int:
        return self.now_ns

    def call(self) -> None:
        last = len(self.times_ms) - 1
        self.now_ns += round(self.times_ms[min(self.calls, last)] * 1e6)
        self.calls += 1


def test_warm_up_ends_at_the_plateau():
    machine = Machine(50, 30, 20, 16, 15.9, 15.8)
    times = protocol.warm_up(machine.call, machine.clock)
    assert times == (50, 30, 20, 16, 15.9)


def test_warm_up_of_a_network_that_is_warm_takes_two_calls():
    assert len(protocol.warm_up(Machine(16).call, Machine(16).clock)) == 2


def test_warm_up_goes_on_for_a_minimum_time():
    machine = Machine(10)
    protocol.warm_up(machine.call, machine.clock, minimum_s=1.0)
    assert machine.now_ns == 1_000_000_000


def test_of_a_long_warm_up_the_first_and_last_calls_are_kept():
    """A GPU warms up for a second, a small network in some 5,000 calls."""
    machine = Machine(*range(1, 101))
    times = protocol.warm_up(machine.call, machine.clock, minimum_s=5.05)
    assert machine.calls == 100
    assert times == (*range(1, 26), *range(76, 101))


def test_warm_up_gives_up_on_a_network_that_keeps_getting_faster():
    machine = Machine(*(1000 * 0.9**i for i in range(200)))
    assert len(protocol.warm_up(machine.call, machine.clock)) == protocol.MAX_WARM_UP_CALLS


def test_fast_networks_run_several_times_per_reading():
    assert protocol.calls_per_reading(0.1) == 5
    assert protocol.calls_per_reading(16.0) == 1
    machine = Machine(0.1)
    readings = protocol.visit(machine.call, machine.clock, machine.clock, readings=2, calls=5)
    assert readings.wall_ms == readings.cpu_ms == (0.1, 0.1)
    assert machine.calls == 10


LIMITS = ProtocolSettings(
    name="limits", min_rounds=30, max_rounds=40, interval_percent=0.8, time_cap_s=30
)


@pytest.mark.parametrize(
    ("rounds", "half_width", "reading_s", "rule"),
    [
        (29, 0.1, 1, None),
        (30, 0.8, 1, StopRule.INTERVAL),
        (30, 0.81, 1, None),
        (40, 9.0, 1, StopRule.ROUNDS),
        (3, 9.0, 30, StopRule.TIME),
        (1, 9.0, 99, None),
    ],
)
def test_stop_rules(rounds: int, half_width: float, reading_s: float, rule: StopRule | None):
    found = stop_rule(LIMITS, rounds=rounds, half_width_percent=half_width, reading_s=reading_s)
    assert found == rule


@pytest.mark.parametrize(
    ("rounds", "half_width", "reading_s", "rule"),
    [
        (59, 0.1, 1, None),
        (60, 0.8, 1, StopRule.INTERVAL),
        (79, 9.0, 1, None),
        (80, 9.0, 1, StopRule.ROUNDS),
        (3, 9.0, 59, None),
        (3, 9.0, 60, StopRule.TIME),
    ],
)
def test_what_was_disturbed_is_retried_to_twice_the_limits(
    rounds: int, half_width: float, reading_s: float, rule: StopRule | None
):
    limits = LIMITS.retrying()
    found = stop_rule(limits, rounds=rounds, half_width_percent=half_width, reading_s=reading_s)
    assert found == rule


@pytest.mark.parametrize(
    "field",
    ["min_rounds", "samples_per_visit", "window", "rounds_per_process", "rounds_per_place"],
)
def test_settings_that_cannot_work_are_refused(field: str):
    values = {"min_rounds": 2, "samples_per_visit": 1, "window": 1} | {field: 0}
    with pytest.raises(InvalidInputError, match="protocol needs"):
        ProtocolSettings(name="x", max_rounds=9, interval_percent=1, time_cap_s=1, **values)


def test_processes_that_would_share_no_sub_network_are_refused():
    with pytest.raises(InvalidInputError, match="at most half of min_rounds, not 3 with 5"):
        ProtocolSettings(
            name="x",
            min_rounds=5,
            max_rounds=9,
            interval_percent=1,
            time_cap_s=1,
            rounds_per_process=3,
        )


def test_presets_are_named_as_they_are_found():
    assert all(name == preset.name for name, preset in PRESETS.items())


def run(rota: Rota, rounds_each: int) -> list[list[str]]:
    """Give every key that many rounds and return who was visited in each round."""
    seen: dict[str, int] = {}
    history = []
    while rota:
        rota.admit(1)
        order = rota.order(["reference"])
        history.append(order)
        for key in tuple(rota.active):
            seen[key] = seen.get(key, 0) + 1
            if seen[key] == rounds_each:
                rota.retire(key)
    return history


def test_every_round_visits_the_active_and_the_reference_once():
    keys = [f"net{i}" for i in range(40)]
    history = run(Rota(keys, window=8, seed=1), 10)
    for order in history:
        assert len(order) == len(set(order)) <= 9
        assert "reference" in order
    visits = [key for order in history for key in order]
    assert all(visits.count(key) == 10 for key in keys)


def test_rounds_are_shuffled_anew():
    history = run(Rota([f"net{i}" for i in range(8)], window=8, seed=1), 30)
    full = [tuple(order) for order in history if len(order) == 9]
    assert len(set(full)) == len(full)


def test_sub_networks_that_share_no_round_are_tied_by_others():
    """Beginnings are staggered: each overlaps the next in nearly a window of rounds."""
    keys = [f"net{i}" for i in range(40)]
    history = run(Rota(keys, window=8, seed=1), 16)
    for one, two in itertools.pairwise(keys):
        shared = sum(one in order and two in order for order in history)
        assert shared >= 7


def test_an_empty_rota_is_over():
    rota = Rota([], window=4, seed=0)
    rota.admit(3)
    assert not rota


def test_no_more_begin_than_have_room():
    rota = Rota("abcdef", window=4, seed=0)
    for expected in (["a", "b", "c"], ["a", "b", "c", "d"]):
        rota.admit(3)
        assert rota.active == expected


def test_sub_networks_begin_with_processes_and_share_them_with_those_before():
    for preset in PRESETS.values():
        assert preset.rounds_per_process is not None
        assert preset.admitted_per_process % preset.rounds_per_process == 0
        assert preset.admitted_per_process <= preset.window
    alone = ProtocolSettings(
        name="x", min_rounds=8, max_rounds=9, interval_percent=1, time_cap_s=1, window=16
    )
    assert alone.admitted_per_process == alone.admitted_per_round == 2

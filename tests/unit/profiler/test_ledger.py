import math
from collections.abc import Iterator

import numpy as np
import pytest

from latbase.profiler.ledger import Block, Estimate, Ledger


def block(subject: str, window: int, *wall_ms: float, throttled: bool = False) -> Block:
    return Block(
        subject=subject,
        window=str(window),
        wall_ms=wall_ms,
        cpu_ms=wall_ms,
        gpu_ms=(),
        at=float(window),
        energy_mj=None,
        throttled=throttled,
    )


def rounds(seed: int, count: int = 40) -> Iterator[Block]:
    """Two networks, one 1.5 times the other, on a host whose speed wanders by a fifth."""
    rng = np.random.default_rng(seed)
    for window in range(count):
        speed = 1 + 0.2 * math.sin(window / 5)
        for subject, ms in (("a", 10.0), ("b", 15.0), ("reference", 12.0)):
            yield block(subject, window, *(ms * speed * rng.lognormal(0, 0.01, 2)))


def ledger(*blocks: Block) -> Ledger:
    made = Ledger()
    for one in blocks:
        made.add(one)
    return made


def test_drift_does_not_show_in_ratios():
    found = ledger(*rounds(0))
    ratio = math.exp(found.estimate("b").level - found.estimate("a").level)
    assert ratio == pytest.approx(1.5, rel=0.005)
    assert found.estimate("a").error < 0.005
    assert found.estimate("a").visits == 40


def test_intervals_cover_a_repetition():
    covered = 0
    for seed in range(100):
        one, two = ledger(*rounds(seed, 16)), ledger(*rounds(seed + 1000, 16))
        ratios = [f.estimate("b").level - f.estimate("reference").level for f in (one, two)]
        half = one.estimate("b").half_width_percent(scale_error=one.estimate("reference").error)
        covered += abs(ratios[0] - ratios[1]) <= half / 100
    assert covered >= 90


def test_throttled_visits_are_kept_and_not_used():
    slow = [block("a", window, 100.0, 100.0, throttled=True) for window in range(40)]
    clean, both = ledger(*rounds(0)), ledger(*rounds(0), *slow)
    assert both.estimate("a").level == pytest.approx(clean.estimate("a").level, abs=1e-6)
    assert len(both.blocks("a")) == 80


def test_a_network_that_always_throttled_is_still_estimated():
    slow = [block("hot", window, 30.0, 30.0, throttled=True) for window in range(5)]
    assert ledger(*rounds(0), *slow).estimate("hot").visits == 5


def test_what_no_fit_reaches_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latbase.profiler.ledger.HORIZON_WINDOWS", 10)
    made = ledger(block("old", -1, 10.0), *rounds(0))
    made.forget_old()
    assert not made.blocks("old")
    assert made.estimate("a").visits == 10
    assert len(made.blocks("a")) == 40


def test_reading_time_adds_up_pass_by_pass():
    assert ledger(block("a", 0, 500.0, 1500.0)).reading_s("a") == 2.0


def test_half_widths_shrink_with_visits_but_not_to_nothing():
    few, many = (Estimate(level=0, error=e, drift=0, visits=v) for e, v in ((0.01, 4), (0.0, 1000)))
    assert few.half_width_percent() > 4 > many.half_width_percent() > 0.5
    assert many.half_width_percent(scale_error=0.05) > 9


def test_more_visits_reduce_what_they_can_reduce_to_nothing():
    few, many = (Estimate(level=0, error=e, drift=0.3, visits=50) for e in (0.01, 0.0))
    assert 2 < few.reducible_percent() < few.half_width_percent()
    assert many.reducible_percent() == 0


def test_a_slowed_host_widens_intervals():
    """Networks do not slow down alike, and nothing within the session shows by how much."""
    calm, slow = (Estimate(level=0, error=0.001, drift=d, visits=50) for d in (0.0, 0.3))
    assert slow.half_width_percent() > 2.5 * calm.half_width_percent()
    assert slow.half_width_percent(offset=-0.3) == pytest.approx(calm.half_width_percent())

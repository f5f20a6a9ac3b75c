"""What it costs to use another machine's front is judged by values measured here."""

from dataclasses import replace

import numpy as np
import pytest

from latbase.db import connect
from latbase.errors import InvalidInputError
from latbase.searcher import Objective, results
from latbase.searcher.analytics.exchange import exchange


@pytest.fixture(scope="module")
def store(studied):
    with connect(studied, read_only=True) as opened:
        yield opened


def test_every_front_is_judged_on_every_other_configuration(store):
    here, there = (results.load(store, each) for each in ("10", "80"))
    first, second = exchange(store, [here, there])
    assert (first.used_on, first.found_by) == (here.record.search_id, there.record.search_id)
    assert (second.used_on, second.found_by) == (there.record.search_id, here.record.search_id)
    assert first.members == first.measured == there.on_front().sum()
    assert first.lost_percent is not None


def test_a_machines_own_front_loses_nothing(store):
    here = results.load(store, "10")
    (cost, _) = exchange(store, [here, replace(here)])
    assert cost.lost_percent == pytest.approx(0.0)


def test_nothing_is_claimed_while_members_are_unmeasured(store):
    here, there = (results.load(store, each) for each in ("10", "80"))
    strangers = replace(there, subnet_ids=tuple(f"unknown-{i}" for i in range(len(there.values))))
    (cost, _) = exchange(store, [here, strangers])
    assert (cost.measured, cost.lost_percent) == (0, None)


def test_different_objectives_are_refused(store):
    here = results.load(store, "10")
    other = replace(here, objectives=(Objective("macs"), Objective("latency_ms")))
    with pytest.raises(InvalidInputError, match="optimise different things"):
        exchange(store, [here, other])


def test_the_loss_is_that_of_the_remeasured_front(store):
    here, there = (results.load(store, each) for each in ("10", "80"))
    worse = there.values.copy()
    worse[:, 0] -= 50.0
    (cost, _) = exchange(store, [here, replace(there, values=worse)])
    assert cost.lost_percent is not None
    assert cost.lost_percent > 50
    assert not np.isnan(worse).any()

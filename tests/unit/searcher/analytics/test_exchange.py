"""What it costs to use another machine's front is judged by values measured here."""

import shutil
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from latbase import supernets
from latbase.db import connect
from latbase.errors import InvalidInputError
from latbase.searcher import Objective, results
from latbase.searcher.analytics import exchange as exchanging
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


def test_a_front_without_hypervolume_is_no_measure(store):
    here = results.load(store, "10")
    ends = [int(here.values[:, 0].argmax()), int(here.values[:, 1].argmin())]
    tiny = replace(
        here, values=here.values[ends], subnet_ids=tuple(here.subnet_ids[row] for row in ends)
    )
    with pytest.raises(InvalidInputError, match=r"has 2 evaluations, none better .*evaluate mo"):
        exchange(store, [tiny, replace(tiny)])


def area(points: npt.NDArray[np.float64], least_top1: float, most_ms: float) -> float:
    """Sum rectangles from the fastest to the slowest, each above the best so far."""
    total, best = 0.0, least_top1
    for top1, latency in points[np.argsort(points[:, 1])].tolist():
        total += max(0.0, top1 - best) * (most_ms - latency)
        best = max(best, top1)
    return total


def test_the_loss_is_that_of_hypervolumes_counted_by_hand(store):
    here, there = (results.load(store, each) for each in ("10", "80"))
    (cost, _) = exchange(store, [here, there])
    own = here.values[here.on_front()]
    used = exchanging.used_on(store, here, there).values
    both = np.vstack([here.values, used])
    corner = float(both[:, 0].min()), float(both[:, 1].max())
    assert cost.lost_percent == pytest.approx(100 * (1 - area(used, *corner) / area(own, *corner)))


def test_every_configuration_shows_its_own_front_and_the_others_as_measured_there(store):
    here, there = (results.load(store, each) for each in ("10", "80"))
    figure = exchanging.draw(store, [here, there])
    assert [axes.get_title() for axes in figure.axes] == [
        f"On {str(each.record.configuration_id)[:8]}" for each in (here, there)
    ]
    own, borrowed = figure.axes[0].lines
    front = here.values[here.on_front()]
    assert np.sort(own.get_xdata()) == pytest.approx(np.sort(front[:, 1]))
    used = exchanging.used_on(store, here, there).values
    assert np.sort(borrowed.get_xdata()) == pytest.approx(np.sort(used[:, 1]))
    assert (own.get_linestyle(), borrowed.get_linestyle()) == ("-", "--")


def test_normalised_fronts_of_one_configuration_share_one_range(store):
    searches = [results.load(store, each) for each in ("10", "11")]
    (axes,) = exchanging.draw(store, searches, normalised=True).axes
    spread = np.concatenate([search.values[:, 1] for search in searches])
    for search, line in zip(searches, axes.lines, strict=True):
        front = search.values[search.on_front(), 1]
        expected = (front - spread.min()) / np.ptp(spread)
        assert np.sort(line.get_xdata()) == pytest.approx(np.sort(expected))
    assert axes.get_xlabel() == "latency_normalised (measured)"


def test_what_a_cost_lacks_is_queued_once(studied, tmp_path):
    shutil.copy(studied, tmp_path / "latency.duckdb")
    with connect(tmp_path / "latency.duckdb") as store:
        here, there = (results.load(store, each) for each in ("10", "80"))
        network = supernets.load(here.supernet)
        assert exchanging.enqueue(store, network, [here, there]) == 0
        strange = network.space.to_configs(network.space.sample(len(there.values), seed=99))
        there = replace(there, configs=tuple(strange))
        members = int(there.on_front().sum())
        assert exchanging.enqueue(store, network, [here, there]) == 2 * members
        assert exchanging.enqueue(store, network, [here, there]) == 0

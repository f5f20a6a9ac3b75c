"""Shares of a box grow with evaluations and agree with the hypervolume of everything so far."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latbase.db import connect
from latbase.errors import InvalidInputError
from latbase.searcher import results
from latbase.searcher.analytics.hypervolume import Box, draw, growths
from latbase.searcher.objectives import Minimised, minimised

UNIT = Box(best=np.zeros(2), worst=np.ones(2))


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(0, 1)))
def test_the_curve_is_the_hypervolume_of_all_evaluations_so_far(points):
    curve = UNIT.curve(Minimised(points=points, violation=np.zeros(len(points))))
    whole = [UNIT.percent(points[: count + 1]) for count in range(len(points))]
    assert curve == pytest.approx(whole)
    assert (np.diff(curve) >= 0).all()


def test_evaluations_that_failed_or_break_a_bound_add_nothing():
    points = np.array([[0.5, 0.5], [np.nan, 0.1], [0.1, 0.1]])
    curve = UNIT.curve(Minimised(points=points, violation=np.array([0.0, 0.0, 1.0])))
    assert curve == pytest.approx([25.0, 25.0, 25.0])


def test_evaluations_that_do_not_differ_span_no_box():
    same = Minimised(points=np.ones((3, 2)), violation=np.zeros(3))
    with pytest.raises(InvalidInputError, match="span no box"):
        Box.around([same])


def test_searches_that_differ_in_the_seed_are_one_growth(studied):
    with connect(studied, read_only=True) as store:
        found = growths([results.load(store, each) for each in ("10", "11", "80", "81")])
    assert [growth.seeds for growth in found] == [2, 2]
    assert all(growth.mean[-1] > growth.mean[0] for growth in found)
    assert all((growth.deviation > 0).any() for growth in found)


def test_searches_of_other_settings_are_another_growth(studied):
    with connect(studied, read_only=True) as store:
        one, two = (results.load(store, each) for each in ("10", "11"))
    ridge = replace(two.record, options={**two.record.options, "predictor": "ridge"})
    labels = [growth.label for growth in growths([one, replace(two, record=ridge)])]
    assert [label.rpartition(", ")[2] for label in labels] == [
        "predictor by default",
        "predictor ridge",
    ]


def test_the_same_search_again_is_no_second_seed(studied):
    with connect(studied, read_only=True) as store:
        one = results.load(store, "10")
    with pytest.raises(InvalidInputError, match=r"Two of the searches are .* with seed 0"):
        growths([one, one])


def test_the_band_is_mean_and_deviation_of_the_seeds(studied):
    with connect(studied, read_only=True) as store:
        searches = [results.load(store, each) for each in ("10", "11")]
    outcomes = [minimised(search.objectives, search.values) for search in searches]
    box = Box.around(outcomes)
    last = [box.percent(outcome.points) for outcome in outcomes]
    (growth,) = growths(searches)
    assert growth.mean[-1] == pytest.approx(np.mean(last))
    assert growth.deviation[-1] == pytest.approx(np.std(last))
    (axes,) = draw([growth]).axes
    assert axes.lines[0].get_ydata() == pytest.approx(growth.mean)
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert band[:, 1].max() == pytest.approx((growth.mean + growth.deviation).max())

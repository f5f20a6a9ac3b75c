"""Normalised results reveal no absolute latency and change no front."""

from dataclasses import replace

import numpy as np

from latbase.db import connect
from latbase.searcher import Objective, results
from latbase.searcher.analytics.normalising import normalised


def test_latency_becomes_a_share_and_the_front_stays(studied):
    with connect(studied, read_only=True) as store:
        found = results.load(store, "10")
    bound = float(np.median(found.values[:, 1]))
    bounded = replace(
        found, objectives=(found.objectives[0], Objective("latency_ms", at_most=bound))
    )
    shown = normalised(bounded)
    assert shown.objectives[1].name == "latency_normalised"
    assert (shown.values[:, 1].min(), shown.values[:, 1].max()) == (0.0, 1.0)
    assert (shown.values[:, 0] == found.values[:, 0]).all()
    assert (shown.on_front() == bounded.on_front()).all()
    assert 0 < bounded.on_front().sum() < found.on_front().sum()


def test_lower_bounds_are_scaled_as_the_values_are(studied):
    with connect(studied, read_only=True) as store:
        found = results.load(store, "10")
    least = float(np.median(found.values[:, 1]))
    bounded = replace(
        found, objectives=(found.objectives[0], Objective("latency_ms", at_least=least))
    )
    assert (normalised(bounded).on_front() == bounded.on_front()).all()
    assert bounded.on_front().sum() > 0

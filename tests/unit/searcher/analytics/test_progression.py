"""The progression shows every evaluation in its order, and the front through them."""

import numpy as np
import pytest

from latbase.db import connect
from latbase.searcher import results
from latbase.searcher.analytics.progression import draw


def test_every_evaluation_is_drawn_in_the_colour_of_its_turn(studied):
    with connect(studied, read_only=True) as store:
        found = results.load(store, "10")
    axes = draw(found).axes[0]
    points = axes.collections[0]
    assert np.asarray(points.get_offsets()) == pytest.approx(found.values[:, ::-1])
    assert np.asarray(points.get_array()).tolist() == list(range(1, len(found.values) + 1))
    (front,) = axes.lines
    expected = found.values[found.on_front()]
    assert front.get_xdata() == pytest.approx(np.sort(expected[:, 1]))

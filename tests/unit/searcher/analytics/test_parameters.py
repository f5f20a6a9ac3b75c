"""Shares of a parameter's values add up to one wherever the parameter is active at all."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from latbase.searcher.analytics.parameters import draw, shares
from latbase.searcher.popdb import frequencies


@given(st.integers(1, 30), st.integers(0, 5))
def test_shares_add_up(space, count, seed):
    genotypes = space.sample(count, seed)
    total: dict[str, float] = defaultdict(float)
    for each in shares(space, frequencies(space, genotypes)):
        total[each.parameter] += each.share
    for parameter, active in zip(
        space.parameters, space.active(genotypes).any(axis=0), strict=True
    ):
        assert total[parameter.name] == pytest.approx(1.0 if active else 0.0)


def test_inactive_parameters_are_not_counted(space):
    smallest = shares(space, frequencies(space, space.smallest()))
    share = {(each.parameter, each.value): each.share for each in smallest}
    assert share["ks[0]", "3"] == 1.0
    assert share["ks[3]", "3"] == 0.0


def test_bars_are_as_high_as_shares(space):
    found = shares(space, frequencies(space, space.sample(30, 0)))
    (axes,) = draw(found, "thirty").axes
    heights = [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]
    assert heights == pytest.approx([100 * each.share for each in found])

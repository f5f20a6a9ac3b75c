"""The plane of the clusters keeps what distinguishes sub-networks, and hides none of them."""

import numpy as np
import pytest

from latbase.searcher.analytics.clusters import draw, plane


def test_the_plane_is_that_of_the_largest_variance(space):
    genotypes = space.sample(80, 0)
    found = plane(space, genotypes)
    centred = space.canonical(genotypes) - space.canonical(genotypes).mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(found.points) == pytest.approx(np.abs(centred @ directions[:2].T))
    assert found.shown_percent == pytest.approx(100 * sizes[:2] ** 2 / (sizes**2).sum())


def test_every_sub_network_is_drawn_in_its_cluster(space):
    found = plane(space, space.sample(30, 0))
    labels = np.array([-1] * 5 + [0] * 10 + [1] * 15)
    (axes,) = draw(found, labels, "clusters").axes[:1]
    drawn = [np.asarray(points.get_offsets()) for points in axes.collections]
    assert [len(each) for each in drawn] == [5, 15, 10]  # none, then the largest first
    assert drawn[1] == pytest.approx(found.points[labels == 1])
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "in none (5)",
        "cluster 1 (15)",
        "cluster 2 (10)",
    ]

"""PopDB keeps what dense regions use."""

import numpy as np
import pytest

from latbase.errors import SearchError
from latbase.searcher import Objective, Search, constrain
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, drive


def test_rare_values_go_and_frequent_ones_stay(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    history = space.sample(300, 0)
    history[:, 0] = 2
    history = np.unique(space.canonical(history), axis=0)
    found = constrain(space, history, min_cluster_size=20, min_samples=5)
    assert found.kept["ks[0]"] == [7]
    assert found.space.size < found.size_before == space.size
    assert found.clusters >= 1
    search = drive(Search(found.space, objectives, seed=0), evaluate, 20)
    assert (search.evaluations[0][:, 0] == 2).all()


def test_a_short_history_is_refused(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match="at least 50 sub-networks, found 10"):
        constrain(space, space.sample(10, 0))


def test_every_sub_network_has_a_cluster_or_is_noise(space: SearchSpace) -> None:
    history = space.sample(200, 0)
    found = constrain(space, history, min_cluster_size=20, min_samples=5)
    assert found.labels.shape == (len(history),)
    assert set(found.labels.tolist()) <= {-1, *range(found.clusters)}
    assert found.noise == np.count_nonzero(found.labels == -1)

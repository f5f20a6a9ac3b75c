"""What the default tactic's models see of a sub-network."""

import numpy as np
import pytest

from latbase import supernets
from latbase.searcher.representation import Representation
from latbase.supernets import Parameter, SearchSpace

NET = supernets.load("ofa_mbv3_d234_e346_k357_w1.0")


def test_equal_sub_networks_look_equal_and_groups_hold_every_column():
    represent = Representation(NET.space)
    raw = np.random.default_rng(0).integers(0, 3, (50, NET.space.p)).astype(np.int8)
    seen = represent(NET.space.canonical(raw))
    assert represent(NET.space.canonical(NET.space.canonical(raw))) == pytest.approx(seen)
    assert np.concatenate(represent.groups).tolist() == list(range(seen.shape[1]))


def test_a_space_of_words_is_seen_without_sizes():
    space = SearchSpace((Parameter("a", ("x", "y")), Parameter("b", ("u", "v", "w"))))
    assert np.isfinite(Representation(space)(space.sample(4, 0))).all()

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


def test_steps_add_up_over_stages_places_and_the_network() -> None:
    space = SearchSpace(
        tuple(
            parameter
            for stage in ("d[0]", "d[1]")
            for parameter in (
                Parameter(stage, (1, 2)),
                *(
                    Parameter(f"ks[{2 * int(stage[2]) + i}]", (3, 5), stage, active)
                    for i, active in enumerate(((1, 2), (2,)))
                ),
            )
        )
    )
    represent = Representation(space)
    steps, stages, places, network = (
        represent(space.points())[:, group] > 0 for group in represent.groups[:4]
    )
    assert [part.shape[1] for part in (steps, stages, places, network)] == [12, 8, 8, 4]
    assert (steps.any(axis=1) == network.any(axis=1)).all()


def test_a_space_without_choice_is_seen_too() -> None:
    space = SearchSpace((Parameter("a", (1,)),))
    assert Representation(space)(space.points()).shape == (1, 0)

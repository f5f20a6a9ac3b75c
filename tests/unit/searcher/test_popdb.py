"""PopDB keeps what dense regions use."""

from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latbase.errors import InvalidInputError, SearchError
from latbase.searcher import Objective, PopDB, Search, constrain
from latbase.searcher.popdb import Reduction
from latbase.supernets import Parameter, SearchSpace
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


@pytest.fixture(scope="module")
def history(space: SearchSpace) -> npt.NDArray[np.int8]:
    """Return sub-networks of which one in twenty has a 5 x 5 kernel first, none a 7 x 7 one."""
    drawn = space.sample(400, 1)
    drawn[:, 0] = np.arange(400) % 20 == 0
    return drawn


def reduced(
    space: SearchSpace,
    history: npt.NDArray[np.int8],
    threshold: float | dict[str, float] = 0.01,
) -> PopDB:
    return constrain(space, history, min_cluster_size=20, min_samples=5, threshold=threshold)


def test_a_threshold_of_a_parameter_comes_before_one_of_its_kind_and_that_before_the_rest(
    space: SearchSpace, history: npt.NDArray[np.int8]
) -> None:
    free = {"*": 0.0}
    assert reduced(space, history, free).kept["ks[0]"] == [3, 5, 7]
    assert reduced(space, history, {}).kept["ks[0]"] == [3, 5]
    assert reduced(space, history, {"ks": 0.2}).kept["ks[0]"] == [3]
    assert reduced(space, history, {"ks": 0.2}).kept["e[0]"] == [3, 4, 6]
    assert reduced(space, history, {"*": 0.2}).kept["ks[0]"] == [3]
    exact = reduced(space, history, {**free, "ks": 0.2, "ks[0]": 0.02})
    assert exact.kept["ks[0]"] == [3, 5]
    assert exact.kept["d[0]"] == [2, 3, 4]


def test_a_threshold_of_nothing_or_no_share_is_refused(
    space: SearchSpace, history: npt.NDArray[np.int8]
) -> None:
    with pytest.raises(InvalidInputError, match=r"no parameter 'k'.*ks, e, d.*such as ks\[0\]"):
        reduced(space, history, {"k": 0.1})
    with pytest.raises(InvalidInputError, match="threshold of 'ks' is 5"):
        reduced(space, history, {"ks": 5})


def test_where_no_value_is_frequent_enough_the_most_frequent_stays(
    space: SearchSpace, history: npt.NDArray[np.int8]
) -> None:
    found = reduced(space, history, 1.0)
    for parameter, shares in zip(space.parameters, found.frequencies, strict=True):
        if shares.any():
            assert found.kept[parameter.name] == [parameter.values[shares.argmax()]]
    assert found.space.size == 1


def test_a_parameter_that_was_never_active_keeps_its_values(space: SearchSpace) -> None:
    shallow = space.restrict({"d[0]": [2]}).sample(300, 0)
    found = reduced(space, shallow, 0.5)
    assert found.kept["d[0]"] == [2]
    assert found.kept["ks[2]"] == [3, 5, 7]


NAMES = ("*", "ks", "e", "d", "ks[0]", "d[1]")


@settings(max_examples=40, deadline=None)
@given(
    loose=st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1)),
    factor=st.floats(0, 1),
)
def test_a_stricter_threshold_never_enlarges_the_space(
    space: SearchSpace, history: npt.NDArray[np.int8], loose: dict[str, float], factor: float
) -> None:
    loose = {"*": 0.01, **loose}
    strict = {name: share + factor * (1.0 - share) for name, share in loose.items()}
    before, after = reduced(space, history, loose), reduced(space, history, strict)
    assert all(set(after.kept[name]) <= set(before.kept[name]) for name in before.kept)
    assert 1 <= after.space.size <= before.space.size <= space.size


def test_settings_that_make_no_cluster_are_refused_in_words(space: SearchSpace) -> None:
    with pytest.raises(InvalidInputError, match="min_cluster_size of at least 2"):
        constrain(space, space.sample(60, 0), min_cluster_size=1)
    with pytest.raises(InvalidInputError, match="min_samples of at least 1, not 50 and 0"):
        constrain(space, space.sample(60, 0), min_samples=0)


def test_thresholds_of_any_mapping_can_be_kept() -> None:
    given = MappingProxyType({"*": 0.1})
    assert Reduction(threshold=given).facts()["threshold"] == {"*": 0.1}


def test_thresholds_that_leave_nothing_under_a_controller_say_so() -> None:
    full = SearchSpace([Parameter("a", (1, 2, 3)), Parameter("b", (1, 2), "a", (2, 3))])
    narrow = full.restrict({"b": {2: [1], 3: [2]}})
    history = np.repeat(narrow.points(), [40, 40, 25], axis=0)
    with pytest.raises(SearchError, match=r"too few values, lower them.*no value for b"):
        constrain(narrow, history, min_cluster_size=5, min_samples=2, threshold={"b": 0.45})

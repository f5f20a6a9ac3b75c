"""Search spaces against their definition, spelled out by brute force on tiny spaces."""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latbase.errors import InvalidInputError
from latbase.supernets import Parameter, SearchSpace
from latbase.supernets.parameter import Genotypes


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Up to three free parameters, up to three that one of those controls, in any order."""
    roots = [
        Parameter(f"root[{i}]", tuple(range(10, 10 + draw(st.integers(1, 3)))))
        for i in range(draw(st.integers(1, 3)))
    ]
    children = []
    for i in range(draw(st.integers(0, 3))):
        controller = draw(st.sampled_from(roots))
        when = draw(st.sets(st.sampled_from(controller.values), min_size=1))
        values = tuple("abc"[: draw(st.integers(1, 3))])
        children.append(Parameter(f"child_{i}", values, controller.name, tuple(when)))
    return SearchSpace([*children, *roots] if draw(st.booleans()) else [*roots, *children])


def every_genotype(space: SearchSpace) -> Genotypes:
    """All index combinations, the same sub-network many times over."""
    counts = [range(len(parameter.values)) for parameter in space.parameters]
    return np.array(list(product(*counts)), dtype=np.int8)


def meaning(space: SearchSpace, row: list[int]) -> tuple[object, ...]:
    """The sub-network of a genotype: values of its active parameters, None elsewhere."""
    value = {q.name: q.values[index] for q, index in zip(space.parameters, row, strict=True)}
    return tuple(
        value[q.name] if q.controller is None or value[q.controller] in q.active_when else None
        for q in space.parameters
    )


def rows(g: Genotypes) -> set[tuple[int, ...]]:
    return set(map(tuple, g.tolist()))


@given(spaces())
def test_canonical_forms_are_equal_exactly_when_the_sub_networks_are(space: SearchSpace) -> None:
    g = every_genotype(space)
    forms = {
        (meaning(space, row), tuple(form))
        for row, form in zip(g.tolist(), space.canonical(g).tolist(), strict=True)
    }
    assert len(forms) == len({m for m, _ in forms}) == len({form for _, form in forms})
    assert space.size == len(forms)


@given(spaces())
def test_canonical_is_idempotent_and_keeps_the_sub_network(space: SearchSpace) -> None:
    g = every_genotype(space)
    once = space.canonical(g)
    assert once.dtype == np.int8
    np.testing.assert_array_equal(space.canonical(once), once)
    assert [meaning(space, row) for row in once.tolist()] == [
        meaning(space, row) for row in g.tolist()
    ]
    assert space.active(g).tolist() == [
        [value is not None for value in meaning(space, row)] for row in g.tolist()
    ]


@given(spaces())
def test_features_tell_sub_networks_apart_and_nothing_else(space: SearchSpace) -> None:
    g = every_genotype(space)
    features = space.features(g)
    assert features.shape == (len(g), len(space.feature_names))
    np.testing.assert_array_equal(features, space.features(space.canonical(g)))
    assert len(np.unique(features, axis=0)) == space.size


@given(spaces())
def test_points_lists_every_sub_network_once(space: SearchSpace) -> None:
    points = space.points()
    assert len(points) == space.size
    assert rows(points) == rows(space.canonical(every_genotype(space)))


@given(spaces(), st.integers(0, 9), st.integers(0, 2**31))
def test_samples_are_distinct_and_grow_at_their_end(space: SearchSpace, n: int, seed: int) -> None:
    longer = space.sample(n + 3, seed)
    assert len(rows(longer)) == len(longer) == min(n + 3, space.size)
    np.testing.assert_array_equal(longer, space.canonical(longer))
    np.testing.assert_array_equal(space.sample(n, seed), longer[:n])


@given(spaces())
def test_configurations_round_trip(space: SearchSpace) -> None:
    g = every_genotype(space)
    np.testing.assert_array_equal(space.from_configs(space.to_configs(g)), g)


@given(spaces(), st.data())
def test_a_restriction_keeps_the_coding(space: SearchSpace, data: st.DataObject) -> None:
    q = data.draw(st.sampled_from(space.parameters))
    left = data.draw(st.sets(st.sampled_from(q.values), min_size=1))
    limited = space.restrict({q.name: left})
    i = space.parameters.index(q)
    kept = [row for row in space.points().tolist() if meaning(space, row)[i] in left | {None}]
    assert limited.size == len(kept)
    assert rows(limited.points()) == set(map(tuple, kept))
    limited.validate(limited.points())
    space.validate(limited.points())
    np.testing.assert_array_equal(
        limited.features(limited.points()), space.features(limited.points())
    )
    assert limited.definition() == space.definition()
    assert rows(limited.canonical(every_genotype(space))) == rows(limited.points())


@given(spaces(), st.data())
def test_genotypes_outside_a_restriction_are_refused(
    space: SearchSpace, data: st.DataObject
) -> None:
    q = data.draw(st.sampled_from(space.parameters))
    assume(len(q.values) > 1)
    limited = space.restrict({q.name: q.values[:1]})
    i = space.parameters.index(q)
    outside = space.points()[space.points()[:, i] > 0]
    with pytest.raises(InvalidInputError, match=re.escape(f"for {q.name};")):
        limited.validate(outside)


def test_coupling_ties_a_parameter_to_its_controller() -> None:
    space = SearchSpace([Parameter("depth", (1, 2)), Parameter("e", (3, 4, 6), "depth", (1, 2))])
    coupled = space.restrict({"e": {1: [3], 2: [4, 6]}})
    assert coupled.to_configs(coupled.points()) == [
        {"depth": 1, "e": 3},
        {"depth": 2, "e": 4},
        {"depth": 2, "e": 6},
    ]
    np.testing.assert_array_equal(coupled.canonical(np.array([[0, 2]], np.int8)), [[0, 0]])
    np.testing.assert_array_equal(coupled.smallest(), [[0, 0]])
    np.testing.assert_array_equal(coupled.largest(), [[1, 2]])


def test_every_parameter_is_drawn_uniformly() -> None:
    space = SearchSpace([Parameter(f"x[{i}]", tuple(range(5))) for i in range(12)])
    counts = np.bincount(space.sample(5000, seed=1).ravel(), minlength=5)
    assert np.abs(counts - 12_000).max() < 500  # five standard deviations


def test_small_and_large_spaces_draw_alike() -> None:
    """Listing a small space must not favour the deep sub-networks that are more in number."""
    free = [Parameter(f"x[{i}]", tuple(range(3)), "depth", (2,)) for i in range(4)]
    small = SearchSpace([Parameter("depth", (1, 2)), *free])
    shallow_first = [small.sample(1, seed)[0, 0] == 0 for seed in range(400)]
    assert 150 < sum(shallow_first) < 250  # half of them, give or take five deviations


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "needs parameters"),
        ([Parameter("a", (1,)), Parameter("a", (2,))], "a name of its own"),
        ([Parameter("a", (1, 2), "b", (1,))], "names b as its controller"),
        ([Parameter("a", (1, 2)), Parameter("b", (1,), "a", ())], "never active"),
        ([Parameter("a", (1, 2)), Parameter("b", (1,), "a", (3,))], "a cannot be 3"),
        ([Parameter("a[1]", (1, 2))], "out of turn"),
        ([Parameter("a[0]", (1, 2)), Parameter("a", (1, 2))], "out of turn"),
        ([Parameter("[0]", (1, 2))], "expected `key`"),
    ],
)
def test_contradictory_parameters_are_refused(parameters: list[Parameter], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        SearchSpace(parameters)


@pytest.mark.parametrize("values", [(), (1, 1), tuple(range(200))])
def test_a_parameter_needs_different_values(values: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="1 to 127 different"):
        Parameter("a", values)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        ({"c": [1]}, "no parameter c; the space has a, b"),
        ({"a": [3]}, r"a cannot be 3; expected one of \(1, 2\)"),
        ({"a": {1: [1]}}, "a has no controller"),
        ({"b": []}, "leaves no value for b"),
        ({"b": {1: [5]}, "a": []}, "leaves no value for a"),
    ],
)
def test_impossible_restrictions_are_refused(allowed: dict[str, list[int]], message: str) -> None:
    space = SearchSpace([Parameter("a", (1, 2)), Parameter("b", (5, 6), "a", (1,))])
    with pytest.raises(InvalidInputError, match=message):
        space.restrict(allowed)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"a": 1}, "Configuration 1: found the keys a; expected a, b"),
        ({"a": 1, "b": [5, 6], "c": 1}, "found the keys a, b, c"),
        ({"a": 1, "b": [5]}, r"found b = \[5\]; expected a list of 2"),
        ({"a": 1, "b": 5}, "expected a list of 2"),
        ({"a": 3, "b": [5, 6]}, r"a cannot be 3; expected one of \(1, 2\)"),
        ({"a": [1], "b": [5, 6]}, "a cannot be"),
    ],
)
def test_wrong_configurations_are_refused(config: dict[str, object], message: str) -> None:
    space = SearchSpace(
        [Parameter("a", (1, 2)), Parameter("b[0]", (5, 6)), Parameter("b[1]", (5, 6))]
    )
    with pytest.raises(InvalidInputError, match=message):
        space.from_configs([{"a": 1, "b": (5, 6)}, config])


@pytest.mark.parametrize(
    ("g", "message"),
    [
        (np.zeros((2, 3), np.int8), r"\(2, 3\) of int8; genotypes are whole numbers \(n, 2\)"),
        (np.zeros((2, 2)), "of float64"),
        (np.zeros(2, np.int8), r"\(2,\)"),
        (np.array([[0, 0], [0, 2]], np.int8), r"Genotype 1 has 2 for b; expected one of \(0, 1\)"),
        (np.array([[0, -1]], np.int8), "has -1 for b"),
        (np.array([[0, 300]]), "has 300 for b"),
    ],
)
def test_wrong_genotypes_are_refused(g: Genotypes, message: str) -> None:
    space = SearchSpace([Parameter("a", (1, 2)), Parameter("b", (5, 6))])
    with pytest.raises(InvalidInputError, match=message):
        space.validate(g)


def test_a_negative_number_of_samples_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="Cannot draw -1"):
        SearchSpace([Parameter("a", (1, 2))]).sample(-1, 0)


def test_an_alias_is_read_as_the_value_it_builds() -> None:
    space = SearchSpace([Parameter("a", (0, 2), aliases=((1, 0),))])
    assert space.to_configs(space.from_configs([{"a": 1}])) == [{"a": 0}]

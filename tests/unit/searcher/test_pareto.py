"""Pareto functions against their definitions, written out slowly."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latbase.searcher import pareto

Floats = npt.NDArray[np.float64]


def clouds(columns: tuple[int, ...] = (1, 2, 3, 4), least: int = 1) -> st.SearchStrategy[Floats]:
    """Few distinct values, so that ties and repeated points happen."""
    return st.sampled_from(columns).flatmap(
        lambda m: st.integers(least, 12).flatmap(
            lambda n: arrays(np.float64, (n, m), elements=st.integers(0, 5).map(float))
        )
    )


def slow_dominates(a: Floats, b: Floats) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(
        x < y for x, y in zip(a, b, strict=True)
    )


def slow_ranks(points: Floats) -> list[int]:
    left, rank, found = set(range(len(points))), 0, [0] * len(points)
    while left:
        front = {i for i in left if not any(slow_dominates(points[j], points[i]) for j in left)}
        for i in front:
            found[i] = rank
        left -= front
        rank += 1
    return found


def slow_hypervolume(points: Floats, reference: Floats) -> float:
    """Count unit cells: every coordinate is a whole number."""
    corners = np.indices([int(r) for r in reference]).reshape(len(reference), -1).T
    covered = np.any((points[None] <= corners[:, None]).all(axis=2), axis=1)
    return float(covered.sum())


@given(clouds())
def test_ranks_are_those_of_the_definition(points: Floats) -> None:
    assert pareto.ranks(points).tolist() == slow_ranks(points)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_thousands_of_points_are_ranked_without_comparing_every_pair(columns: int) -> None:
    points = np.random.default_rng(0).random((5000, columns))
    tracemalloc.start()
    pareto.ranks(points)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000 < len(points) ** 2


@given(clouds())
def test_front_is_the_first_rank(points: Floats) -> None:
    np.testing.assert_array_equal(pareto.non_dominated(points), pareto.ranks(points) == 0)


@given(clouds())
def test_hypervolume_counts_the_dominated_cells(points: Floats) -> None:
    reference = np.full(points.shape[1], 5.0)
    assert pareto.hypervolume(points, reference) == slow_hypervolume(points, reference)


@given(clouds(columns=(2, 3), least=2), st.integers(0, 12))
def test_improvement_is_the_difference_of_hypervolumes(points: Floats, cut: int) -> None:
    front, candidates = points[:cut], points[cut:]
    reference = np.full(points.shape[1], 5.0)
    expected = [
        pareto.hypervolume(np.vstack([front, row]), reference)
        - pareto.hypervolume(front, reference)
        for row in candidates
    ]
    gains = pareto.improvements(candidates, front, reference)
    np.testing.assert_allclose(gains, expected, atol=1e-9)


@given(clouds(columns=(2,)))
def test_staircase_holds_the_distinct_front_in_order(points: Floats) -> None:
    expected = np.unique(points[pareto.non_dominated(points)], axis=0)
    np.testing.assert_array_equal(pareto.staircase(points), expected)


@pytest.mark.parametrize("columns", [2, 3])
def test_failed_rows_rank_last_and_add_nothing(columns: int) -> None:
    points = np.array([[1.0] * columns, [np.nan] + [0.0] * (columns - 1), [2.0] * columns])
    reference = np.full(columns, 3.0)
    assert pareto.ranks(points).tolist() == [0, 2, 1]
    assert pareto.non_dominated(points).tolist() == [True, False, False]
    assert pareto.hypervolume(points, reference) == 2.0**columns
    gains = pareto.improvements(points, np.empty((0, columns)), reference)
    assert gains.tolist() == [2.0**columns, 0.0, 1.0]


def test_all_failed_means_an_empty_front() -> None:
    assert not pareto.non_dominated(np.full((3, 2), np.nan)).any()


def test_crowding_adds_the_scaled_gaps_of_the_neighbours() -> None:
    points = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.0], [4.0, 0.0]])
    distance = pareto.crowding(points)
    assert np.isinf(distance[[0, 3]]).all()
    np.testing.assert_allclose(distance[1:3], [2 / 4 + 3 / 4, 3 / 4 + 2 / 4])


def test_crowding_of_one_point_and_of_equal_points() -> None:
    assert np.isinf(pareto.crowding(np.zeros((1, 2)))).all()
    assert pareto.crowding(np.ones((4, 2)))[1:3].tolist() == [0.0, 0.0]

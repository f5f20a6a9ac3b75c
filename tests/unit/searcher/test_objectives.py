"""Objectives, their text form, and their one conversion."""

import numpy as np
import pytest

from latbase.errors import InvalidInputError
from latbase.searcher.objectives import (
    Minimised,
    Objective,
    minimised,
    parse_objective,
    parse_objectives,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("top1", Objective("top1", maximize=True)),
        ("latency_ms", Objective("latency_ms")),
        ("max:latency_ms", Objective("latency_ms", maximize=True)),
        ("latency_ms<=20", Objective("latency_ms", at_most=20.0)),
        ("top1 >= 75.5 <= 80", Objective("top1", maximize=True, at_least=75.5, at_most=80.0)),
        ("params<=6M", Objective("params", at_most=6e6)),
        ("params <= 6 M", Objective("params", at_most=6e6)),
    ],
)
def test_text_form(text: str, expected: Objective) -> None:
    assert parse_objective(text) == expected


@pytest.mark.parametrize("text", ["", "top1<20", "20<=top1", "top1<=lots", "best:top1"])
def test_text_that_is_no_objective(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"is no (objective|number)"):
        parse_objective(text)


def test_constraints_bound_objectives_or_add_columns() -> None:
    found = parse_objectives(["top1", "latency_ms"], ["latency_ms<=20", "params<=6M"])
    assert found == [
        Objective("top1", maximize=True),
        Objective("latency_ms", at_most=20.0),
        Objective("params", at_most=6e6, optimize=False),
    ]


def test_repeated_objective_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="given twice"):
        parse_objectives(["top1", "top1"])


def test_bounds_must_make_sense() -> None:
    with pytest.raises(InvalidInputError, match="lower one first"):
        Objective("top1", at_least=80.0, at_most=70.0)
    with pytest.raises(InvalidInputError, match="no effect"):
        Objective("params", optimize=False)


def test_conversion_flips_signs_drops_columns_and_adds_up_excess() -> None:
    objectives = [
        Objective("top1", maximize=True, at_least=75.0),
        Objective("params", at_most=4.0, optimize=False),
    ]
    outcome = minimised(objectives, np.array([[76.0, 3.0], [60.0, 6.0], [np.nan, 3.0]]))
    assert outcome.points[:2].tolist() == [[-76.0], [-60.0]]
    np.testing.assert_allclose(outcome.violation[:2], [0.0, 15.0 / 75.0 + 0.5])
    assert outcome.feasible.tolist() == [True, False, False]


def test_feasible_rows_rank_before_broken_ones() -> None:
    outcome = Minimised(
        points=np.array([[3.0], [1.0], [2.0], [0.0]]), violation=np.array([0.0, 0.0, 0.2, 0.1])
    )
    assert outcome.ranks().tolist() == [1, 0, 3, 2]
    assert outcome.front().tolist() == [False, True, False, False]

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from latbase.db.records import Search, SearchStatus
from latbase.errors import InvalidInputError
from latbase.searcher.objectives import Objective
from latbase.searcher.picking import by_id, fastest_within
from latbase.searcher.results import Results

TOP1, LATENCY = Objective("top1", maximize=True), Objective("latency_ms")


def found(*values: tuple[float, float]) -> Results:
    """Return a search with these top-1 and latency values."""
    return Results(
        record=Search(
            search_id="s",
            supernet_id="n",
            configuration_id=None,
            tactic="full",
            objectives=(),
            options={},
            seed=0,
            status=SearchStatus.FINISHED,
            created_at=datetime(2026, 5, 1, tzinfo=UTC),
        ),
        supernet="net",
        objectives=(TOP1, LATENCY),
        values=np.array(values),
        sources=("validated", "measured"),
        subnet_ids=tuple(f"{row}a" for row in range(len(values))),
        configs=tuple({"d": row} for row in range(len(values))),
    )


SEARCH = found((76.0, 9.0), (75.24, 5.0), (75.23, 4.0), (60.0, 1.0), (75.5, 8.5))


@pytest.mark.parametrize(
    ("percent", "subnet_id"), [(0, "0a"), (0.99, "4a"), (1, "1a"), (1.02, "2a"), (100, "3a")]
)
def test_the_fastest_within_a_share_of_the_best_is_picked(percent: float, subnet_id: str):
    assert fastest_within(SEARCH, percent)["subnet_id"] == subnet_id


def test_what_breaks_a_bound_is_not_picked():
    bounded = replace(SEARCH, objectives=(TOP1, Objective("latency_ms", at_most=6)))
    assert fastest_within(bounded, 0)["subnet_id"] == "1a"


def test_a_search_without_accuracy_or_latency_has_no_such_pick():
    for objectives in ((TOP1, Objective("macs")), (Objective("params"), LATENCY)):
        with pytest.raises(
            InvalidInputError, match="Choose a sub-network of latbase front by --id"
        ):
            fastest_within(replace(SEARCH, objectives=objectives), 1)


def test_nothing_is_picked_from_an_empty_front():
    hopeless = replace(SEARCH, objectives=(TOP1, Objective("latency_ms", at_most=0.1)))
    with pytest.raises(InvalidInputError, match="front is empty"):
        fastest_within(hopeless, 1)


def test_any_evaluated_sub_network_is_found_by_the_start_of_its_id():
    assert by_id(found((76, 9), (75, 10)), "1")["values"] == {"top1": 75, "latency_ms": 10}
    with pytest.raises(InvalidInputError, match=r"starts with 'x'; found: none"):
        by_id(SEARCH, "x")
    with pytest.raises(InvalidInputError, match="found: 0a, 1a"):
        by_id(SEARCH, "")


def test_a_front_is_listed_from_the_best_of_the_first_objective_on():
    members = [member["subnet_id"] for member in SEARCH.members()]
    assert members == ["0a", "4a", "1a", "2a", "3a"]


def test_of_equally_fast_ones_the_most_accurate_is_picked():
    search = found((75.0, 5.0), (76.0, 5.0), (70.0, 4.0))
    sizes = np.array([[1.0], [3.0], [2.0]])
    with_size = replace(
        search,
        objectives=(TOP1, LATENCY, Objective("params")),
        values=np.hstack([search.values, sizes]),
        sources=("validated", "measured", "analytic"),
    )
    assert fastest_within(with_size, 2)["subnet_id"] == "1a"

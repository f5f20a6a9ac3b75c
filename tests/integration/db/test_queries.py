"""The questions other rooms ask answer alike on every store."""

from datetime import timedelta

import pytest

from latbase.db import Store, queries
from latbase.errors import UnknownNameError
from tests.integration.db.samples import NOON, World

WORLD = World()
HERE = WORLD.configuration.configuration_id


def test_configurations_say_how_much_was_measured(store: Store) -> None:
    store.write([*WORLD.base(), WORLD.measurement(0), WORLD.measurement(0, verdict="disturbed")])
    (row,) = queries.configurations(store).to_pylist()
    assert (row["configuration_id"], row["measurements"], row["hosts"]) == (HERE, 2, 1)
    assert (row["cpu"], row["newest_at"]) == ("Xeon", NOON)


def test_measured_now_and_as_of_an_earlier_time(store: Store) -> None:
    store.write(
        [
            *WORLD.base(),
            WORLD.measurement(0, value=1.0),
            WORLD.measurement(0, value=2.0, minutes=10),
            WORLD.measurement(1, value=9.0, verdict="disturbed"),
            WORLD.measurement(2, value=3.0, minutes=10, verdict="unstable"),
        ]
    )

    def values(minutes: float | None = None) -> list[float]:
        before = None if minutes is None else NOON + timedelta(minutes=minutes)
        found = queries.measured(store, WORLD.supernet.supernet_id, HERE, before=before)
        return sorted(found["value"].to_pylist())

    assert values() == [2.0, 3.0]
    assert values(minutes=20) == values()
    assert values(minutes=5) == [1.0]


def test_ids_are_accepted_by_their_unique_beginning(store: Store) -> None:
    store.write([*WORLD.base(), WORLD.search()])
    assert queries.configuration_id(store, HERE[:4]) == HERE
    assert queries.search(store, "01") == WORLD.search()
    with pytest.raises(UnknownNameError, match="No configuration id starts with 'zz'"):
        queries.configuration_id(store, "zz")

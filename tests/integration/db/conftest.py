"""Stores of every kind, and records to fill them with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latbase.db import Store, connect

Opener = Callable[[], Store]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store of each kind in turn."""
    target = ":memory:" if request.param == "memory" else tmp_path / "latency.duckdb"
    with connect(target) as opened:
        yield opened

"""Stores of every kind, and the service of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latbase.db import Store, connect
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a service of an empty store, on a real socket."""
    with DuckDbStore(tmp_path / "served.duckdb") as owned, Service(owned) as running:
        yield running


@pytest.fixture(params=["memory", "file", "service"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store of each kind in turn."""
    if request.param == "service":
        target = request.getfixturevalue("service").url
    else:
        target = ":memory:" if request.param == "memory" else tmp_path / "latency.duckdb"
    with connect(target) as opened:
        yield opened

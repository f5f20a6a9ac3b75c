"""Stores of every kind, and the service of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latbase.db import Store, connect
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.postgres_store import PostgresStore
from latbase.db.service.running import Service
from tests.integration.db.cluster import Cluster, cluster, empty


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a service of an empty store, on a real socket."""
    with DuckDbStore(tmp_path / "served.duckdb") as owned, Service(owned) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Give a running PostgreSQL of this test process; skips where none is installed."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def kept_postgres_store(
    postgres: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresStore]:
    """Give a store on PostgreSQL that moves measurements all the time; making one takes 0.5 s."""
    folder = tmp_path_factory.mktemp("lake")
    with PostgresStore(postgres.new_database(), folder, move_s=0.2) as opened:
        yield opened


@pytest.fixture
def postgres_store(kept_postgres_store: PostgresStore) -> PostgresStore:
    """Give an empty store on PostgreSQL."""
    empty(kept_postgres_store)
    return kept_postgres_store


@pytest.fixture
def postgres_service(postgres_store: PostgresStore) -> Iterator[Service]:
    """Give a service of an empty store on PostgreSQL."""
    with Service(postgres_store) as running:
        yield running


@pytest.fixture(params=["memory", "file", "service", "postgres", "postgres service"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store of each kind in turn."""
    match request.param:
        case "postgres":
            yield request.getfixturevalue("postgres_store")
            return
        case "memory":
            target: str | Path = ":memory:"
        case "file":
            target = tmp_path / "latency.duckdb"
        case _:
            name = "postgres_service" if "postgres" in request.param else "service"
            target = request.getfixturevalue(name).url
    with connect(target) as opened:
        yield opened

"""Queries through a service: slow ones, many at once, and clients that stop reading."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from latbase.db import connect
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service import answers
from latbase.db.service.limits import Limits
from latbase.db.service.running import Service
from latbase.errors import QueryRefusedError, QueryTimeoutError, StoreBusyError
from tests.integration.db.samples import World

WORLD = World()
LONG = "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3"
LARGE = "SELECT *, repeat('x', 100) FROM subnet, range(10000000)"


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[DuckDbStore]:
    with DuckDbStore(tmp_path / "served.duckdb") as store:
        store.write(WORLD.base())
        yield store


def reading(service: Service, sql: str, timeout_s: float) -> socket.socket:
    """Ask, and read no further than the beginning of the answer."""
    host, _, port = service.url.removeprefix("http://").rpartition(":")
    body = json.dumps({"sql": sql, "timeout_s": timeout_s}).encode()
    head = "POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    client = socket.create_connection((host, int(port)))
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert client.recv(1000).startswith(b"HTTP/1.1 200")
    return client


def wait_for(number: int) -> None:
    """Return once there are so many; every query that is being answered has one."""
    until = time.monotonic() + 30
    while threads("latbase-deadline") != number:
        assert time.monotonic() < until
        time.sleep(0.05)


def threads(name: str) -> int:
    return sum(each.name.startswith(name) for each in threading.enumerate())


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(owned: DuckDbStore) -> None:
    with Service(owned, limits=Limits(queries=2)) as service:
        for _ in range(20):
            reading(service, LARGE, timeout_s=60).close()
        wait_for(0)


def test_a_client_that_stops_reading_is_cut_off(
    owned: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "GRACE_S", 0.2)
    with Service(owned) as service, reading(service, LARGE, timeout_s=1):
        wait_for(0)


def test_hosts_are_heard_beside_any_number_of_slow_queries(owned: DuckDbStore) -> None:
    limits = Limits(query_s=20, wait_s=0.5, queries=4)
    with Service(owned, limits=limits) as service, ThreadPoolExecutor(50) as pool:

        def ask() -> None:
            with connect(service.url) as store:
                store.query(LONG, timeout_s=4)

        asked = [pool.submit(ask) for _ in range(50)]
        wait_for(4)
        began_s = time.monotonic()
        assert httpx.get(f"{service.url}/health").is_success
        with connect(service.url) as store:
            store.write([WORLD.host])
        assert time.monotonic() - began_s < 3
        refused = [each.exception() for each in asked]
        assert sum(isinstance(each, QueryTimeoutError) for each in refused) >= 4
        busy = next(each for each in refused if isinstance(each, StoreBusyError))
        assert "answers 4 queries at a time" in str(busy)


def test_it_says_that_it_is_there_while_all_its_threads_wait(owned: DuckDbStore) -> None:
    claim = {"host_id": "host-1", "configuration_ids": ["none"]}
    limits = httpx.Limits(max_connections=60)
    with (
        Service(owned) as service,
        httpx.Client(base_url=service.url, limits=limits, timeout=60) as client,
        ThreadPoolExecutor(50) as pool,
    ):
        with owned.transaction():
            asked = [pool.submit(client.post, "/v1/jobs/claim", json=claim) for _ in range(50)]
            while not all(each.running() for each in asked[:40]) or threads("AnyIO worker") < 40:
                time.sleep(0.05)
            assert client.get("/health", timeout=5).is_success
        assert all(each.result().is_success for each in asked)


def test_who_is_refused_for_others_hears_when_to_come_back(owned: DuckDbStore) -> None:
    limits = Limits(queries=1, wait_s=0.1)
    with Service(owned, limits=limits) as service, reading(service, LARGE, timeout_s=60):
        answer = httpx.post(f"{service.url}/v1/query", json={"sql": "SELECT 1"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_more_rows_than_the_service_gives_are_never_left_out_silently(owned: DuckDbStore) -> None:
    with Service(owned, limits=Limits(rows=5)) as service, connect(service.url) as store:
        assert store.query("FROM range(20)", max_rows=5).num_rows == 5
        assert store.query("FROM range(5)", max_rows=10).num_rows == 5
        with pytest.raises(QueryRefusedError, match=r"more than 5 rows.*max_rows to at most 5"):
            store.query("FROM range(20)", max_rows=10)

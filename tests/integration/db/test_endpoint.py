"""Endpoint files that lie, and databases with two names."""

from pathlib import Path

import pytest

from latbase.db import connect, endpoint
from latbase.db.client import HttpStore
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.endpoint import Endpoint
from latbase.db.service.running import Service
from tests.integration.proxy import Answer, proxy


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "latency.duckdb"
    DuckDbStore(file).close()
    return file


@pytest.mark.parametrize("body", [b'"ok"', b"[]", b"1", b"null", b"{}"])
def test_whatever_answers_on_the_port_of_a_dead_service_is_not_taken_for_it(
    path: Path, body: bytes
) -> None:
    with proxy(answer=Answer(body=body)) as stranger:
        endpoint.publish(
            path, Endpoint(url=stranger.url, instance="i", bearer="b", certificate=None)
        )
        with connect(path) as store:
            assert isinstance(store, DuckDbStore)


@pytest.mark.parametrize("url", ["https://127.0.0.1:9", "http://[::1", "http://h:99999999", ""])
@pytest.mark.parametrize("certificate", ["no certificate", "", "é", None])
def test_a_file_that_makes_no_sense_is_ignored(
    path: Path, url: str, certificate: str | None
) -> None:
    endpoint.publish(path, Endpoint(url=url, instance="i", bearer="b", certificate=certificate))
    with connect(path) as store:
        assert isinstance(store, DuckDbStore)


@pytest.mark.parametrize("served", ["latency.duckdb", "link.duckdb"])
def test_a_link_and_what_it_leads_to_are_one_store(path: Path, served: str) -> None:
    link = path.with_name("link.duckdb")
    link.symlink_to(path)
    with DuckDbStore(path.with_name(served)) as owned, Service(owned):
        for name in (path, link):
            with connect(name) as store:
                assert isinstance(store, HttpStore)
    assert not list(path.parent.glob("*.endpoint"))

"""A service with a certificate of its own: whom clients trust, and what they say otherwise."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latbase.db import connect
from latbase.db.client import HttpStore
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service, Tls
from latbase.errors import InvalidInputError, StoreAccessError, StoreUnreachableError
from tests.integration.certificates import self_signed, signed_by_an_authority


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return self_signed(tmp_path / "own")


@pytest.fixture
def service(tmp_path: Path, tls: Tls) -> Iterator[Service]:
    with DuckDbStore(tmp_path / "latency.duckdb") as owned, Service(owned, tls=tls) as running:
        yield running


def test_who_has_the_certificate_gets_in(service: Service, tls: Tls) -> None:
    with connect(service.url, certificate=tls.certificate) as store:
        assert store.query("SELECT 1 AS one")["one"].to_pylist() == [1]


@pytest.mark.usefixtures("service")
def test_commands_of_the_machine_find_it_by_the_file(tmp_path: Path) -> None:
    with connect(tmp_path / "latency.duckdb") as store:
        assert isinstance(store, HttpStore)


def test_it_is_found_too_where_an_authority_signed_the_certificate(tmp_path: Path) -> None:
    path, tls = tmp_path / "latency.duckdb", signed_by_an_authority(tmp_path / "own")
    with DuckDbStore(path) as owned, Service(owned, tls=tls), connect(path) as store:
        assert isinstance(store, HttpStore)


def test_another_certificate_is_not_taken_for_silence(service: Service, tmp_path: Path) -> None:
    other = self_signed(tmp_path / "other")
    for certificate in (other.certificate, None):
        with pytest.raises(StoreAccessError, match=r"is not trusted .*LATBASE_CERTIFICATE"):
            connect(service.url, certificate=certificate)


def test_another_name_is_not_trusted(service: Service, tls: Tls) -> None:
    by_name = service.url.replace("127.0.0.1", "localhost")
    with pytest.raises(StoreAccessError, match="not valid for 'localhost'"):
        connect(by_name, certificate=tls.certificate)


def test_what_is_no_certificate_is_said(service: Service, tls: Tls) -> None:
    with pytest.raises(InvalidInputError, match="is no certificate to trust"):
        connect(service.url, certificate=tls.key)
    with pytest.raises(StoreUnreachableError, match="does not answer"):
        connect(service.url.replace("https", "http"))

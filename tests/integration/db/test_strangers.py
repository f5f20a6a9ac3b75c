"""Answers of what is no latbase service, and addresses that lead to none: one clear error each."""

from pathlib import Path

import pytest

from latbase.db import connect
from latbase.db.client import HttpStore
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import new_id
from latbase.db.service.running import Service
from latbase.errors import InvalidInputError, StoreError, StoreUnreachableError
from tests.integration.db.samples import World
from tests.integration.proxy import ELSEWHERE, LOGIN, Answer, proxy

WORLD = World()
GARBLED = Answer(body=b"xxxx", headers={"Content-Encoding": "gzip"})
NO_BODY = Answer(status=200)


@pytest.mark.parametrize(
    "answer", [LOGIN, ELSEWHERE, GARBLED, NO_BODY, Answer(body=b"[]"), Answer(status=404)]
)
def test_a_stranger_is_no_service(answer: Answer) -> None:
    with proxy(answer=answer) as stranger, pytest.raises(StoreError, match=stranger.url) as raised:
        connect(stranger.url)
    assert not isinstance(raised.value, StoreUnreachableError)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_service_is_away_is_like_no_answer(status: int) -> None:
    with (
        proxy(answer=Answer(status=status)) as alone,
        pytest.raises(StoreUnreachableError, match=f"answered {status}"),
    ):
        connect(alone.url)


@pytest.mark.parametrize("answer", [LOGIN, ELSEWHERE, GARBLED, NO_BODY, Answer(body=b"{}")])
def test_a_page_in_place_of_an_answer_is_an_error(
    service: Service, tmp_path: Path, answer: Answer
) -> None:
    with proxy(service.url) as between, connect(between.url) as store:
        assert isinstance(store, HttpStore)
        between.answer = answer
        for call in (
            lambda: store.query("SELECT 1"),
            lambda: store.jobs.claim("host-1", ["here"]),
            lambda: store.jobs.heartbeat("host-1", [new_id()]),
            lambda: store.jobs.fail("host-1", new_id(), "out of memory"),
            lambda: store.jobs.cancel([new_id()]),
            store.tokens.all,
            lambda: store.tokens.revoke("a"),
        ):
            with pytest.raises(StoreError, match=between.url):
                call()
        with pytest.raises(StoreError, match=between.url):
            store.backup(tmp_path / "backup.duckdb")
    assert not (tmp_path / "backup.duckdb").exists()


@pytest.mark.parametrize("answer", [LOGIN, ELSEWHERE, NO_BODY])
def test_a_page_acknowledges_nothing(service: Service, answer: Answer) -> None:
    with proxy(service.url) as between, connect(between.url) as store:
        between.answer = answer
        with pytest.raises(StoreError, match=f"answered {answer.status}"):
            store.write(WORLD.base())
        with pytest.raises(StoreError, match=f"answered {answer.status}"):
            store.jobs.finish("host-1", [new_id()])


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://h:99999999", "http://a b/", "http://\udcff/"]
)
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(StoreError):
        connect(url)


@pytest.mark.parametrize("token", ["a\nb", "é", "", " x"])
def test_what_is_no_token_is_said(service: Service, token: str) -> None:
    with pytest.raises(InvalidInputError, match="latbase token create"):
        connect(service.url, token=token)


NONSENSE = [
    ("SSL_CERT_FILE", "/nonexistent"),
    ("HTTP_PROXY", "http://127.0.0.1:9"),
    ("ALL_PROXY", "socks5://127.0.0.1:9"),
    ("ALL_PROXY", "foo://x"),
    ("NO_PROXY", "[::1"),
]


@pytest.mark.parametrize(("name", "value"), NONSENSE)
def test_the_environment_is_not_asked_about_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    path = tmp_path / "latency.duckdb"
    with DuckDbStore(path) as owned, Service(owned) as service:
        monkeypatch.setenv(name, value)
        for target in (path, service.url, service.url.replace("127.0.0.1", "localhost")):
            with connect(target) as store:
                assert isinstance(store, HttpStore)
                assert store.query("SELECT 1").num_rows == 1


def test_certificates_that_the_environment_does_not_have_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    with pytest.raises(StoreError, match=r"SSL_CERT_FILE .*No such file"):
        connect("https://192.0.2.1")


def test_an_empty_write_is_nothing_to_send(service: Service) -> None:
    with connect(service.url) as store:
        store.write([])

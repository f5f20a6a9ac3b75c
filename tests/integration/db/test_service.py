"""The service from outside: who may do what, and what it does with bad requests."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from latbase.db import Store, connect, endpoint, rows, wire
from latbase.db.client import HttpStore
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import JobRequest, new_id
from latbase.db.service.gate import check_exposure
from latbase.db.service.limits import Limits
from latbase.db.service.running import Service
from latbase.db.tokens import Role
from latbase.errors import (
    InvalidInputError,
    QueryRefusedError,
    StoreAccessError,
    StoreError,
    StoreUnreachableError,
    StoreVersionError,
)
from tests.integration.db.samples import NOON, World

WORLD = World()
LONG = "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3"

ROWS = {"Content-Type": wire.ARROW}


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[DuckDbStore]:
    with DuckDbStore(tmp_path / "served.duckdb") as store:
        store.write(WORLD.base())
        yield store


@pytest.fixture
def running(owned: DuckDbStore) -> Iterator[Service]:
    limits = Limits(body_bytes=200_000, query_s=5, rows=50_000)
    with Service(owned, limits=limits) as service:
        yield service


class TestRoles:
    """Readers ask, hosts deliver, operators do everything."""

    def job(self) -> JobRequest:
        return JobRequest(
            job_id=new_id(),
            subnet_id=WORLD.subnet(0).subnet_id,
            configuration_id=WORLD.configuration.configuration_id,
        )

    def allowed(self, store: Store) -> set[str]:
        """Try everything; return what was not refused."""
        done = set()
        attempts: dict[str, Callable[[], object]] = {
            "query": lambda: store.query("FROM subnet"),
            "write": lambda: store.write([*WORLD.base(), WORLD.measurement()]),
            "write a search": lambda: store.write([WORLD.search()]),
            "write an evaluation": lambda: store.write([WORLD.search(), WORLD.evaluation(0)]),
            "claim": lambda: store.jobs.claim("host-1", ["none"]),
            "finish": lambda: store.jobs.finish("host-1", []),
            "enqueue": lambda: store.jobs.enqueue([self.job()]),
            "cancel": lambda: store.jobs.cancel([]),
            "list tokens": store.tokens.all,
            "make tokens": lambda: store.tokens.create("x", Role.READER),
        }
        for name, attempt in attempts.items():
            try:
                attempt()
                done.add(name)
            except StoreAccessError:
                pass
        return done

    def test_each_role_may_do_its_part(self, owned: DuckDbStore, running: Service) -> None:
        bearers = {role: owned.tokens.create("t", role).bearer for role in Role}
        may = {}
        for role, bearer in bearers.items():
            with connect(running.url, token=bearer) as store:
                may[role] = self.allowed(store)
        assert may[Role.READER] == {"query"}
        assert may[Role.HOST] == {"query", "write", "claim", "finish"}
        assert may[Role.OPERATOR] > may[Role.HOST]
        assert len(may[Role.OPERATOR]) == 10

    def test_a_service_without_tokens_serves_whoever_reaches_it(self, running: Service) -> None:
        with connect(running.url) as store:
            assert len(self.allowed(store)) == 10

    def test_no_web_page_of_another_site_changes_anything(self, running: Service) -> None:
        for foreign in (
            {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-site"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ):
            for path in ("records", "jobs", "tokens"):
                answer = httpx.post(f"{running.url}/v1/{path}", json={}, headers=foreign)
                assert answer.status_code == 401
                assert "web page" in answer.json()["message"]
        own = {"Origin": running.url, "Sec-Fetch-Site": "same-origin"}
        for headers in (own, {"Origin": running.url}, {"Sec-Fetch-Site": "none"}):
            answer = httpx.post(f"{running.url}/v1/jobs", json={"jobs": []}, headers=headers)
            assert answer.json() == {"count": 0}

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("localhost:80", 200),
            ("[::1]:80", 200),
            ("evil.example", 401),
            ("", 401),
            ("[", 401),
            ("127.0.0.1.evil.example", 401),
        ],
    )
    def test_without_tokens_no_web_page_reaches_it_under_a_name_of_its_own(
        self, owned: DuckDbStore, running: Service, name: str, status: int
    ) -> None:
        asked = {"url": f"{running.url}/v1/tokens", "headers": {"Host": name}}
        found = httpx.get(**asked)  # type: ignore[arg-type]  # by name
        assert found.status_code == status
        if status == 401:
            assert "answers as localhost only" in found.json()["message"]
        bearer = owned.tokens.create("me", Role.OPERATOR).bearer
        asked["headers"] = {"Host": name, "Authorization": f"Bearer {bearer}"}
        assert httpx.get(**asked).status_code == 200  # type: ignore[arg-type]  # by name

    def test_once_there_is_a_token_everybody_needs_one(
        self, owned: DuckDbStore, running: Service
    ) -> None:
        owned.tokens.create("first", Role.OPERATOR)
        with connect(running.url) as store, pytest.raises(StoreAccessError, match="asks for a tok"):
            store.query("SELECT 1")

    @pytest.mark.parametrize("bearer", ["nonsense", "latbase_0_0", "latbase_é_1", "a b", "_" * 99])
    def test_a_wrong_token_is_refused(
        self, owned: DuckDbStore, running: Service, bearer: str
    ) -> None:
        made = owned.tokens.create("first", Role.OPERATOR)
        for wrong in (bearer, made.bearer[:-1], made.bearer + "0"):
            answer = httpx.post(
                f"{running.url}/v1/query",
                json={"sql": "SELECT 1"},
                headers=[(b"Authorization", f"Bearer {wrong}".encode())],
            )
            assert answer.status_code in (401, 403)

    def test_revoked_and_expired_tokens_are_refused(
        self, owned: DuckDbStore, running: Service
    ) -> None:
        revoked = owned.tokens.create("gone", Role.OPERATOR)
        with connect(running.url, token=revoked.bearer) as store:
            store.query("SELECT 1")
            owned.tokens.revoke(revoked.token.token_id[:8])
            with pytest.raises(StoreAccessError, match="revoked or expired"):
                store.query("SELECT 1")
        expired = owned.tokens.create("old", Role.OPERATOR, valid_for=timedelta(microseconds=1))
        with (
            connect(running.url, token=expired.bearer) as store,
            pytest.raises(StoreAccessError, match="revoked or expired"),
        ):
            store.query("SELECT 1")

    def test_the_secret_is_not_stored(self, owned: DuckDbStore, tmp_path: Path) -> None:
        made = owned.tokens.create("t", Role.HOST)
        owned.close()
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert made.token.token_id.encode() in stored
        assert made.bearer.rsplit("_", 1)[1].encode() not in stored


class TestBadRequests:
    """Every bad request is refused in words, and the service goes on."""

    @pytest.fixture(autouse=True)
    def _still_there(self, running: Service) -> Iterator[None]:
        yield
        assert httpx.get(f"{running.url}/health").json()["status"] == "ok"

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/query", b"", 422),
            ("/v1/query", b"{", 422),
            ("/v1/query", b"[]", 422),
            ("/v1/query", b'{"sql": 1}', 422),
            ("/v1/query", b'{"sql": "SELECT 1", "surprise": 1}', 422),
            ("/v1/query", b'{"sql": "SELECT ?", "parameters": [{"a": 1}]}', 422),
            ("/v1/query", b'{"sql": "SELECT \\ud800"}', 422),
            ("/v1/query", b'{"sql": "DROP TABLE job"}', 400),
            ("/v1/query", b'{"sql": "SELECT ?"}', 400),
            ("/v1/query", b'{"sql": "SELECT 1", "max_rows": -1}', 422),
            ("/v1/query", b'{"sql": "SELECT 1", "timeout_s": 1e400}', 422),
            ("/v1/records", b"", 415),
            ("/v1/records", b"{}", 415),
            ("/v1/jobs/claim", b'{"host_id": "h", "configuration_ids": [], "limit": 0}', 422),
            ("/v1/jobs/claim", b'{"host_id": "\\u0000", "configuration_ids": []}', 422),
            ("/v1/jobs/finish", b'{"host_id": "h", "job_ids": ["no uuid"]}', 422),
            ("/v1/jobs", b'{"jobs": [{"job_id": "x"}]}', 422),
            ("/v1/nothing", b"{}", 404),
            ("/v1/tokens", b'{"name": "n", "role": "king"}', 422),
        ],
    )
    def test_malformed_bodies(self, running: Service, path: str, body: bytes, status: int) -> None:
        answer = httpx.post(
            f"{running.url}{path}", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "message"}

    def test_a_stream_for_another_table_or_with_other_columns(self, running: Service) -> None:
        batch = list(rows.batches([WORLD.supernet]))
        encoded = wire.encode_rows(batch)
        for bad in (
            encoded.replace(b"supernet", b"schemata"),
            encoded.replace(b"definition", b"definitely"),
            encoded[:-40],
            b"",
            b"not arrow",
            b"\xff" * 64,
        ):
            answer = httpx.post(f"{running.url}/v1/records", content=bad, headers=ROWS)
            assert answer.status_code == 422

    def test_a_body_that_is_too_long(self, running: Service) -> None:
        url, parts = f"{running.url}/v1/records", iter([b"x" * 10_000] * 21)
        sized = httpx.post(url, content=b"x" * 200_001, headers=ROWS)
        chunked = httpx.post(url, content=parts, headers=ROWS)
        for answer in (sized, chunked):
            assert answer.status_code == 413
            assert "at most 200000 bytes" in answer.json()["message"]

    def test_a_result_beyond_the_row_limit(self, running: Service) -> None:
        with connect(running.url) as store:
            assert store.query("FROM range(50000)").num_rows == 50_000
            with pytest.raises(QueryRefusedError, match="more than 50000 rows"):
                store.query("FROM range(50001)")
            assert store.query("FROM range(90000)", max_rows=7).num_rows == 7

    def test_an_error_after_the_first_rows_reaches_the_client(self, running: Service) -> None:
        sql = "SELECT CASE WHEN i = 40000 THEN 'x' ELSE '1' END::INT FROM range(45000) t(i)"
        with (
            connect(running.url) as store,
            pytest.raises(QueryRefusedError, match="Could not conv"),
        ):
            store.query(sql)


def test_a_query_ends_when_its_client_goes_away(owned: DuckDbStore) -> None:
    with Service(owned) as service:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{service.url}/v1/query", json={"sql": LONG}, timeout=0.5)
        until = time.monotonic() + 20
        while "latbase-deadline" in {thread.name for thread in threading.enumerate()}:
            assert time.monotonic() < until, "the query still runs"
            time.sleep(0.05)


def test_a_client_of_another_api_version_is_told(running: Service) -> None:
    answer = httpx.post(
        f"{running.url}/v1/query", json={"sql": "SELECT 1"}, headers={wire.API_HEADER: "99"}
    )
    assert answer.status_code == 426
    assert "client speaks version 99" in answer.json()["message"]


def test_a_service_of_another_api_version_is_told(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.get(f"{running.url}/health").json() | {"api": 99, "version": "9.9"}
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: httpx.Response(200, json=answer))
    with pytest.raises(StoreVersionError, match=r"latbase 9\.9 and speaks version 99"):
        HttpStore(running.url)


def test_what_answers_there_is_no_latbase() -> None:
    with pytest.raises(StoreUnreachableError, match="does not answer"):
        connect("http://127.0.0.1:9")


def test_metrics_count_requests_and_rows(owned: DuckDbStore, running: Service) -> None:
    owned.write([WORLD.measurement(), WORLD.measurement(1, verdict="disturbed")])
    httpx.post(f"{running.url}/v1/query", json={"sql": "SELECT 1"})
    httpx.get(f"{running.url}/{'x' * 50}")
    httpx.request("YYYY", f"{running.url}/v1/query")
    text = httpx.get(f"{running.url}/metrics").text
    assert 'latbase_measurements{verdict="disturbed"} 1.0' in text
    assert 'latbase_requests_total{method="POST",route="/v1/query",status="200"} 1.0' in text
    assert 'route="unknown"' in text
    assert 'method="unknown"' in text
    assert "xxxx" not in text
    assert "YYYY" not in text


class TestEndpoint:
    """A path is enough to find who serves it."""

    def test_a_served_file_is_reached_through_its_service(self, tmp_path: Path) -> None:
        path = tmp_path / "latency.duckdb"
        with DuckDbStore(path) as owned, Service(owned):
            with connect(path) as store:
                assert isinstance(store, HttpStore)
                store.write(WORLD.base())
                assert store.query("FROM subnet").num_rows == 3
            mode = stat.S_IMODE(endpoint.file_of(path).stat().st_mode)
            assert mode == 0o600
        assert not endpoint.file_of(path).exists()
        with connect(path) as store:
            assert isinstance(store, DuckDbStore)
            assert store.query("FROM subnet").num_rows == 3

    def test_it_is_not_looked_for_behind_a_proxy(
        self, owned: DuckDbStore, running: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert owned.path is not None
        with connect(owned.path) as store:
            assert store.description == running.url

    def test_the_owners_commands_need_no_token(self, owned: DuckDbStore, running: Service) -> None:
        owned.tokens.create("for others", Role.READER)
        assert owned.path is not None
        with connect(owned.path) as store:
            store.tokens.create("another", Role.HOST)
        with connect(running.url) as store, pytest.raises(StoreAccessError):
            store.query("SELECT 1")

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "x"}', None])
    def test_a_stale_or_broken_file_is_ignored(self, tmp_path: Path, content: str | None) -> None:
        path = tmp_path / "latency.duckdb"
        connect(path).close()
        gone = {"url": "http://127.0.0.1:9", "instance": "i", "bearer": "b", "certificate": None}
        endpoint.file_of(path).write_text(json.dumps(gone) if content is None else content)
        with connect(path) as store:
            assert isinstance(store, DuckDbStore)

    def test_another_service_on_the_port_of_a_dead_one_is_not_taken_for_it(
        self, tmp_path: Path, running: Service
    ) -> None:
        path = tmp_path / "latency.duckdb"
        connect(path).close()
        fake = endpoint.Endpoint(url=running.url, instance="dead", bearer="b", certificate=None)
        endpoint.publish(path, fake)
        with connect(path) as store:
            assert isinstance(store, DuckDbStore)

    def test_a_killed_service_leaves_a_store_that_opens(self, tmp_path: Path) -> None:
        path = tmp_path / "latency.duckdb"
        process = serving(path)
        with connect(path) as store:
            assert isinstance(store, HttpStore)
            store.write([*WORLD.base(), WORLD.measurement()])
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            with pytest.raises(StoreError):
                store.query("SELECT 1")
        with connect(path) as store:
            assert isinstance(store, DuckDbStore)
            assert store.query("FROM latency").num_rows == 1


SERVE = """
import sys
from pathlib import Path
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
with DuckDbStore(Path(sys.argv[1])) as store, Service(store) as service:
    print(service.url, flush=True)
    service.wait()
"""


def serving(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http")
    return process


class TestExposure:
    """Others are let in only behind a token and a certificate, or by name."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
    def test_loopback_needs_nothing(self, host: str) -> None:
        check_exposure(host, tls=False, tokens=False, insecure=False)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
    @pytest.mark.parametrize(
        ("tls", "tokens", "words"),
        [
            (False, False, "a token .* and a certificate"),
            (True, False, "needs a token"),
            (False, True, "needs a certificate"),
        ],
    )
    def test_beyond_it_both_are_needed(
        self, host: str, tls: bool, tokens: bool, words: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=words):
            check_exposure(host, tls=tls, tokens=tokens, insecure=False)
        check_exposure(host, tls=tls, tokens=tokens, insecure=True)
        check_exposure(host, tls=True, tokens=True, insecure=False)

    def test_a_taken_port_is_said(self, owned: DuckDbStore) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(InvalidInputError, match=f"port {port} .*another --port"):
                Service(owned, port=port)


def test_times_survive_the_wire(running: Service) -> None:
    with connect(running.url) as store:
        assert store.query("SELECT $t AS t", {"t": NOON})["t"].to_pylist() == [NOON]

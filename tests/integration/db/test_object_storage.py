"""Measurements on object storage: a real S3 server (moto's) on a real socket."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from latbase.db import object_storage, upkeep
from latbase.db.postgres_store import PostgresStore
from latbase.errors import InvalidInputError, QueryRefusedError, StoreError
from tests.integration.db.cluster import Cluster
from tests.integration.db.samples import World

WORLD = World()
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "it's secret"}


@dataclass(frozen=True)
class Storage:
    """The server; buckets are made by asking for them."""

    url: str

    def make(self, bucket: str) -> str:
        httpx.put(f"{self.url}/{bucket}").raise_for_status()
        return f"s3://{bucket}/lake"

    def files(self, bucket: str) -> list[str]:
        listed = httpx.get(f"{self.url}/{bucket}?list-type=2").raise_for_status().text
        return [part.partition("<")[0] for part in listed.split("<Key>")[1:]]


@pytest.fixture(scope="module")
def server() -> Iterator[Storage]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    found = Storage(f"http://127.0.0.1:{port}")
    try:
        while process.poll() is None:
            try:
                httpx.get(found.url)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield found
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def storage(server: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The server, and an environment that leads to it."""
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    return server


def test_a_store_keeps_its_measurements_in_a_bucket(storage: Storage, postgres: Cluster) -> None:
    url, data = postgres.new_database(), storage.make("measured")
    rows = [WORLD.measurement(number, value=1.0 + number) for number in range(50)]
    with PostgresStore(url, data, move_s=None) as store:
        store.write([*WORLD.base(50), *rows])
        assert store.move() == 50
        store.compact()
        assert upkeep.check(store) == []
    kept = [name for name in storage.files("measured") if "/measurement/" in name]
    assert kept
    with PostgresStore(url, move_s=None) as again:
        found = again.query("SELECT count(*) AS n, sum(value) AS total FROM measurement")
        assert found.to_pylist() == [{"n": 50, "total": sum(row.value for row in rows)}]
    with pytest.raises(InvalidInputError, match="are in s3://measured/lake/, not in s3://other/"):
        PostgresStore(url, "s3://other", move_s=None)


def test_queries_reach_no_other_bucket_and_no_keys(storage: Storage, postgres: Cluster) -> None:
    data = storage.make("own")
    storage.make("foreign")
    httpx.put(f"{storage.url}/foreign/secret.csv", content="a\n1\n").raise_for_status()
    with PostgresStore(postgres.new_database(), data, move_s=None) as store:
        for sql in ("FROM 's3://foreign/secret.csv'", "FROM duckdb_secrets()"):
            with pytest.raises(QueryRefusedError):
                store.query(sql)


def test_what_cannot_be_used_is_said_before_anything_is_made(
    storage: Storage, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    with pytest.raises(StoreError, match=r"Nothing was written\. Make the bucket"):
        PostgresStore(url, "s3://missing/lake", move_s=None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match=r"of http://127\.0\.0\.1:1 cannot be used"):
        PostgresStore(url, "s3://missing/lake", move_s=None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    with pytest.raises(InvalidInputError, match="AWS_ENDPOINT_URL is 'nowhere'"):
        PostgresStore(url, "s3://missing/lake", move_s=None)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InvalidInputError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        PostgresStore(url, "s3://missing/lake", move_s=None)
    with pytest.raises(InvalidInputError, match="gs://bucket is neither a directory nor s3://"):
        PostgresStore(url, "gs://bucket", move_s=None)
    with psycopg.connect(url) as connection:
        made = connection.execute("SELECT to_regnamespace('latbase')::VARCHAR").fetchall()
    assert made == [(None,)]
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": storage.url}).items():
        monkeypatch.setenv(name, value)
    with PostgresStore(url, storage.make("made-now"), move_s=None) as store:
        assert store.query("SELECT count(*) AS n FROM measurement")["n"].to_pylist() == [0]


@pytest.mark.parametrize("given", ["s3://a/b", "s3://a/b/", str(Path("s3://a/b"))])
def test_addresses_are_normalised(given: str) -> None:
    assert object_storage.normalised(given) == "s3://a/b/"

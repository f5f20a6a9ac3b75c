"""What travels between a service and its clients, however unusual, and what may not."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import httpx
import numpy as np
import pyarrow as pa
import pytest

from latbase.db import Store, connect, rows, wire
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
from latbase.errors import InvalidInputError, QueryRefusedError
from tests.integration.db.samples import NOON, World

WORLD = World()


@pytest.fixture(scope="module")
def local() -> Iterator[DuckDbStore]:
    with DuckDbStore(None) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(local: DuckDbStore) -> Iterator[str]:
    with Service(local) as service:
        yield service.url


@pytest.fixture(scope="module")
def remote(url: str) -> Iterator[Store]:
    with connect(url) as client:
        yield client


@pytest.mark.parametrize(
    "value",
    [
        "text",
        True,
        None,
        1.5,
        -(2**62),
        NOON,
        datetime(2026, 5, 1, 12),  # noqa: DTZ001 - a time without a zone is one, too
        date(2026, 5, 1),
        uuid.UUID(int=7),
        Decimal("1.50"),
        b"\x00\xff",
        float("inf"),
        [1, 2],
        [date(2026, 5, 1), None],
        np.float64("-inf"),
    ],
    ids=repr,
)
def test_a_parameter_is_the_same_over_the_wire(
    local: DuckDbStore, remote: Store, value: object
) -> None:
    asked = "SELECT $value AS value, typeof($value) AS type"
    here, there = (store.query(asked, {"value": value}) for store in (local, remote))
    assert there.to_pylist() == here.to_pylist()


def test_numbers_of_numpy_are_numbers(remote: Store) -> None:
    asked = remote.query("SELECT ? AS i, ? AS f", [np.int64(3), np.float32(2.5)])
    assert asked.to_pylist() == [{"i": 3, "f": 2.5}]


def test_what_is_no_number_stays_none(remote: Store) -> None:
    for value in (float("nan"), np.float32("nan")):
        assert remote.query("SELECT isnan(?) AS n", [value])["n"].to_pylist() == [True]


@pytest.mark.parametrize("value", [{"a": 1}, {1}, object(), "\ud800", ["\ud800"]])
def test_what_cannot_be_sent_is_said(remote: Store, value: object) -> None:
    with pytest.raises(InvalidInputError, match="A parameter"):
        remote.query("SELECT ?", [value])


@pytest.mark.parametrize(
    "parameters",
    [
        rb'["\ud800"]',
        rb'[["\ud800"]]',
        rb'{"\ud800": 1}',
        b'[{"uuid": "x"}]',
        b'[{"uuid": 5}]',
        b'[{"decimal": "x"}]',
        b'[{"blob": "x"}]',
        b'[{"date": "2026-13-01"}]',
        b'[{"double": []}]',
        b'[{"timestamp": "2026-05-01", "date": "2026-05-01"}]',
        b"[{}]",
    ],
)
def test_what_no_client_sends_is_refused_in_words(url: str, parameters: bytes) -> None:
    body = b'{"sql": "SELECT ?", "parameters": ' + parameters + b"}"
    answer = httpx.post(
        f"{url}/v1/query", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"] == "InvalidInputError"


def test_a_statement_that_is_no_text_is_not_sent(remote: Store) -> None:
    with pytest.raises(InvalidInputError, match="no text"):
        remote.query("SELECT '\udcff'")


@pytest.mark.parametrize(
    "column", ["union_value(k := 1)", "MAP {'a': 1}", "'x'::ENUM ('x', 'y')", "[uuid()]", "NULL"]
)
def test_an_error_after_the_first_rows_arrives_beside_every_type(
    remote: Store, column: str
) -> None:
    number = "CASE WHEN i = 900000 THEN 'x' ELSE '1' END::INT"
    with pytest.raises(QueryRefusedError, match="Could not convert"):
        remote.query(f"SELECT {number} AS n, {column} AS c FROM range(1000000) t(i)")


def streams(table: rows.Table, content: pa.Table, **options: object) -> bytes:
    """What a client of somebody else may send."""
    sink = pa.BufferOutputStream()
    schema = content.schema.with_metadata({b"latbase.table": table.name.encode()})
    chosen = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, schema, options=chosen) as writer:
        writer.write_table(content.cast(schema))
    body: bytes = sink.getvalue().to_pybytes()
    return body


def test_a_batch_takes_no_more_room_than_its_body() -> None:
    ((table, one),) = rows.batches([WORLD.measurement()])
    assert wire.decode_rows(streams(table, one))[0][1].equals(one)
    vast = replace(WORLD.measurement(), samples=(1.0,) * 1_000_000)
    ((_, many),) = rows.batches([vast])
    for codec in ("zstd", "lz4"):
        body = streams(table, many, compression=codec)
        assert len(body) < 100_000
        with pytest.raises(InvalidInputError, match="compressed"):
            wire.decode_rows(wire.encode_rows([(table, one)]) + body)
    at = one.schema.get_field_index("metric")
    shared = one.set_column(at, "metric", one["metric"].dictionary_encode())
    with pytest.raises(InvalidInputError, match="dictionary"):
        wire.decode_rows(streams(table, shared))
    nothing = one.set_column(at, "metric", pa.nulls(1))
    with pytest.raises(InvalidInputError, match="metric of measurement is of type null"):
        wire.decode_rows(streams(table, nothing))
    assert pa.total_allocated_bytes() < 100_000_000

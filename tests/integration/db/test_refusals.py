"""What every store makes of rows that no store should take as they come."""

import math
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from latbase.db import Store, queueing, rows, upkeep
from latbase.db.records import Measurement
from latbase.errors import InvalidInputError
from tests.integration.db.samples import World

WORLD = World()
MEASURED = WORLD.measurement(1)
TABLE = rows.BY_NAME["measurement"]
FUTURE = datetime(2140, 1, 1, tzinfo=UTC)


def count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def test_an_id_repeated_in_one_batch_counts_once(store: Store) -> None:
    store.write(WORLD.base())
    one = WORLD.measurement(0)
    other = WORLD.measurement(1)
    shouted = replace(one, measurement_id=one.measurement_id.upper())
    bare = replace(one, measurement_id=uuid.UUID(one.measurement_id).hex)
    parts = [rows_of for each in (one, other, shouted, bare) for _, rows_of in rows.batches([each])]
    store.write_rows([(TABLE, pa.concat_tables([*parts, *parts]))])
    store.write([shouted])
    assert count(store, "measurement") == 2
    assert upkeep.check(store) == []


def test_a_record_repeated_in_one_batch_counts_as_it_came_last(store: Store) -> None:
    table = rows.BY_NAME["host"]
    store.write([WORLD.hardware])
    renamed = replace(WORLD.host, host_name="renamed")
    parts = [rows_of for each in (WORLD.host, renamed) for _, rows_of in rows.batches([each])]
    store.write_rows([(table, pa.concat_tables(parts))])
    assert store.query("SELECT host_name FROM host")["host_name"].to_pylist() == ["renamed"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(MEASURED, value=math.nan), "no finite value"),
        (replace(MEASURED, value=math.inf), "no finite value"),
        (replace(MEASURED, interval=(1.0, math.nan)), "no finite interval"),
        (replace(MEASURED, samples=(1.0, -math.inf)), "no finite samples"),
        (replace(MEASURED, value=-1.0), "has the latency -1 ms; expected more than zero"),
        (replace(MEASURED, value=0.0), "has the latency 0 ms; expected more than zero"),
    ],
)
def test_what_no_clock_measures_is_refused(store: Store, wrong: Measurement, words: str) -> None:
    store.write(WORLD.base())
    with pytest.raises(InvalidInputError, match=words):
        store.write([WORLD.measurement(0), wrong])
    assert count(store, "measurement") == 0
    store.write([replace(WORLD.measurement(1, metric="celsius", value=5.0), value=-40.0)])
    assert count(store, "measurement") == 1


def test_a_clock_that_is_ahead_decides_nothing(store: Store) -> None:
    store.write(WORLD.base())
    store.write([WORLD.measurement(0, value=99.0), replace(WORLD.host, seen_at=FUTURE)])
    store.write([replace(WORLD.measurement(0, value=98.0), measured_at=FUTURE)])
    before = datetime.now(UTC)
    silent_s = queueing.silence_s(store, WORLD.configuration.configuration_id)
    assert silent_s is not None
    assert 0 <= silent_s < 600
    store.write(
        [
            replace(WORLD.measurement(0, value=10.0), measured_at=before + timedelta(minutes=1)),
            replace(WORLD.host, host_name="renamed", seen_at=before + timedelta(minutes=1)),
        ]
    )
    assert store.query("SELECT latency_ms FROM latency")["latency_ms"].to_pylist() == [10.0]
    assert store.query("SELECT host_name FROM host")["host_name"].to_pylist() == ["renamed"]
    newest = store.query("SELECT max(measured_at) AS t FROM measurement")["t"][0].as_py()
    assert newest == before + timedelta(minutes=1), "a little ahead is what clocks are"
    assert store.query("SELECT seen_at <= now() AS past FROM host")["past"].to_pylist() == [True]
    assert upkeep.check(store) == []

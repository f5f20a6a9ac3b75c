"""What a query cannot do, whoever asks it and whatever else goes wrong."""

from pathlib import Path

import pyarrow as pa
import pytest

from latbase.db import Store, streaming
from latbase.db.deadline import deadline
from latbase.db.duckdb_store import DuckDbStore
from latbase.errors import QueryRefusedError, QueryTimeoutError, StoreError

LONG = "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3"


def test_nothing_is_written_where_a_query_is_answered() -> None:
    """The second wall, behind the one that lets only reading statements through."""
    with (
        DuckDbStore(None) as store,
        pytest.raises(StoreError, match="read-only"),
        store.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE added (number INTEGER)")


@pytest.mark.parametrize("name", ["sql", "parameters", "cursor", "re"])
def test_python_has_no_tables(store: Store, name: str) -> None:
    """DuckDB would look for what it does not know among the variables around."""
    with pytest.raises(QueryRefusedError, match=f"Table with name {name} does not exist"):
        store.query(f"FROM {name}")


def test_every_wall_stands(store: Store) -> None:
    """Each stops something alone, so that queries do not show it when one is missing."""
    walls = ("enable_external_access", "python_enable_replacements", "lock_configuration")
    asked = ", ".join(f"current_setting('{wall}') AS {wall}" for wall in walls)
    (found,) = store.query(f"SELECT {asked}").to_pylist()
    assert found == dict(zip(walls, (False, False, True), strict=True))


def test_what_is_nested_too_deeply_is_refused(store: Store) -> None:
    with pytest.raises(QueryRefusedError, match="nested too deeply"):
        store.query("SELECT 1" + "+1" * 900)


def test_only_a_time_out_is_called_one() -> None:
    with (
        DuckDbStore(None) as store,
        store.cursor() as cursor,
        deadline(0.1, cursor.interrupt),
        pytest.raises(StoreError, match=r"^It broke .* without saying why") as raised,
        streaming.answer(
            cursor, LONG, None, description="It", timeout_s=60.0, cancelled=None
        ) as reader,
    ):
        reader.read_all()
    assert not isinstance(raised.value, QueryTimeoutError)


def test_who_keeps_a_reader_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "latency.duckdb"
    with DuckDbStore(path) as store, store.stream("FROM range(100000)") as reader:
        next(reader)
    DuckDbStore(path).close()
    with pytest.raises(pa.ArrowInvalid, match="closed"):
        next(reader)


def test_long_rows_come_few_at_a_time() -> None:
    with (
        DuckDbStore(None) as store,
        store.stream("SELECT repeat('x', 40000) FROM range(10000)") as reader,
    ):
        assert max(batch.nbytes for batch in reader) < 100 * 2**20

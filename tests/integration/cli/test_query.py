"""What a person may ask, and see, that Python has no value for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latbase.db.duckdb_store import DuckDbStore

COMMAND = (sys.executable, "-c", "from latbase.cli.main import run; run()")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "latency.duckdb"
    DuckDbStore(path).close()
    return path


def asked(store: Path, sql: str | bytes, *flags: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"LATBASE_STORE": str(store), "XDG_CONFIG_HOME": str(store.parent)}
    return subprocess.run(
        [*COMMAND, "query", sql, *flags], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("'infinity'::TIMESTAMP", "infinity"),
        ("'-infinity'::TIMESTAMPTZ", "-infinity"),
        ("DATE 'infinity'", "infinity"),
        ("DATE '290000-01-01'", "290000-01-01"),
        ("TIMESTAMPTZ '290000-01-01 12:00:00+00'", "290000-01-01T12:00:00.000000+00:00"),
        ("'2020-01-01 00:00:00.123456789'::TIMESTAMP_NS", "2020-01-01T00:00:00.123456789"),
        ("[DATE '290000-01-01', NULL, DATE '2026-05-01']", ["290000-01-01", None, "2026-05-01"]),
        ("union_value(k := DATE 'infinity')", "infinity"),
        ("{'a': ['infinity'::TIMESTAMP]}", {"a": ["infinity"]}),
        ("MAP {'a': DATE '-290000-01-01'}", [{"key": "a", "value": "-290000-01-01"}]),
    ],
)
def test_times_that_python_does_not_have_are_shown(store: Path, sql: str, shown: object) -> None:
    found = asked(store, f"SELECT {sql} AS x, 1 AS y", "--json")
    assert found.stderr == ""
    assert json.loads(found.stdout) == [{"x": shown, "y": 1}]


@pytest.mark.parametrize("flags", [(), ("--csv",)])
def test_they_are_shown_in_every_form(store: Path, flags: tuple[str, ...]) -> None:
    found = asked(store, "SELECT DATE '290000-01-01' AS x", *flags)
    assert found.stdout.split() == ["x", "290000-01-01"]


def test_what_is_no_text_is_refused_in_a_sentence(store: Path) -> None:
    refused = asked(store, b"SELECT \xff")
    assert refused.returncode == 2
    assert refused.stderr == "Error: The SQL is no text in UTF-8: 'SELECT \\udcff'.\n"


def test_numbers_are_numbers_and_nothing_but_json_is_json(store: Path) -> None:
    sql = (
        "SELECT sum(x) AS whole, 1.5::DECIMAL(4, 1) AS part, '\\x01ab'::BLOB AS raw "
        "FROM range(5) t(x)"
    )
    (row,) = json.loads(asked(store, sql, "--json").stdout)
    assert row == {"whole": 10, "part": 1.5, "raw": "016162"}
    listed = asked(store, "SELECT ['nan'::DOUBLE, 1.0] AS x", "--csv").stdout
    assert listed == 'x\n"[null, 1.0]"\n'

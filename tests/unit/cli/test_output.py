"""Rows reach a person as a table and a script as JSON, CSV or Parquet; nothing else on stdout."""

import csv
import io
import json
import math
from datetime import UTC, datetime

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from latbase.cli.output import Output, json_out, output_options, show

TABLE = pa.table(
    {
        "subnet_id": ["a1", "b2"],
        "latency_ms": [1.25, math.nan],
        "interval_ms": [[1.2, 1.3], [2.0, 2.1]],
        "measured_at": [datetime(2026, 1, 2, 3, 4, tzinfo=UTC)] * 2,
    }
)


@click.command()
@output_options
def rows(output: Output) -> None:
    show(TABLE, output, title="Latencies")


def run(*flags: str) -> Result:
    result = CliRunner().invoke(rows, flags)
    assert result.exit_code == 0, result.output
    return result


def test_a_person_reads_a_table():
    text = run().stdout
    assert "Latencies" in text
    assert "1.25" in text
    assert "[1.2, 1.3]" in text
    assert "2026-01-02 03:04" in text


def test_json_has_null_for_nan_and_iso_times():
    first, second = json.loads(run("--json").stdout)
    assert first["interval_ms"] == [1.2, 1.3]
    assert first["measured_at"] == "2026-01-02T03:04:00+00:00"
    assert second["latency_ms"] is None


def test_csv_has_one_line_per_row():
    header, first, _second = csv.reader(io.StringIO(run("--csv").stdout))
    assert header == TABLE.column_names
    assert json.loads(first[2]) == [1.2, 1.3]


def test_parquet_keeps_types(tmp_path):
    path = tmp_path / "rows.parquet"
    result = run("--parquet", str(path))
    assert pq.read_table(path).schema.field("interval_ms").type == pa.list_(pa.float64())
    assert result.stdout == ""
    assert "2 rows written" in result.stderr


def test_parquet_that_cannot_be_written_is_said(tmp_path):
    result = CliRunner().invoke(rows, ["--parquet", str(tmp_path / "none" / "rows.parquet")])
    assert result.exit_code == 1
    assert "none" in result.stderr


def test_two_formats_are_refused():
    result = CliRunner().invoke(rows, ["--json", "--csv"])
    assert result.exit_code == 2
    assert "choose one" in result.stderr


@pytest.mark.parametrize("value", [{"a": [math.inf, {"b": math.nan}]}])
def test_json_is_always_valid(value, capsys):
    json_out(value)
    assert json.loads(capsys.readouterr().out) == {"a": [None, {"b": None}]}


def test_columns_of_one_name_are_told_apart() -> None:
    joined = pa.table([[1], [2], [3]], names=["a", "a", "b"])
    command = click.command()(output_options(lambda output: show(joined, output)))
    shown = CliRunner().invoke(command, ["--json"])
    assert json.loads(shown.stdout) == [{"a": 1, "a_1": 2, "b": 3}]
    assert CliRunner().invoke(command, ["--csv"]).stdout.split() == ["a,a_1,b", "1,2,3"]
    assert "a_1" in CliRunner().invoke(command).stdout

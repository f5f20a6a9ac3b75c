"""Records as Arrow rows, and the statement that inserts them."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import pyarrow as pa

from latbase.db import records as r
from latbase.db.records import Record

TABLES: dict[type[Record], str] = {
    r.Hardware: "hardware",
    r.Environment: "environment",
    r.Host: "host",
    r.Configuration: "configuration",
    r.Supernet: "supernet",
    r.Subnet: "subnet",
    r.Measurement: "measurement",
    r.Search: "search",
    r.Evaluation: "evaluation",
    r.Predictor: "predictor",
}
"""Table of each kind of record, in the order of writing: what others refer to comes first."""

UPDATED = {r.Host, r.Search, r.Evaluation, r.Predictor}
"""Records that change; all others are facts, and writing one again is a no-op."""


def insertions(records: Sequence[Record]) -> Iterator[tuple[str, pa.Table]]:
    """Yield, per table, the statement that inserts from ``incoming`` and those rows."""
    for kind, table in TABLES.items():
        rows = [_row(record) for record in records if isinstance(record, kind)]
        if rows:
            columns = ", ".join(f'"{name}"' for name in rows[0])
            verb = "INSERT OR REPLACE" if kind in UPDATED else "INSERT OR IGNORE"
            yield f"{verb} INTO {table} ({columns}) SELECT {columns} FROM incoming", _arrow(rows)


def _row(record: Record) -> dict[str, object]:
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return json.dumps(dict(value), sort_keys=True)
    if isinstance(value, tuple):
        if value and isinstance(value[0], Mapping):
            return json.dumps([dict(item) for item in value], sort_keys=True)
        return [_plain(item) for item in value]
    return value


def _arrow(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows])

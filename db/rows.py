"""Records as Arrow tables, and back: where value types meet columns."""

import dataclasses
import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from latbase.db import records as r
from latbase.db.jobs import JobRequest
from latbase.db.records import Record
from latbase.errors import InvalidInputError
from latbase.identity import canonical_json

AHEAD_S = 300.0
"""How far a clock may be ahead of the store's; a time beyond it, which would count as the newest
until that date comes, is taken as now."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of records: its name and the columns that identify a row."""

    name: str
    record: type[Record]
    key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns as the writer hands them over, in the order of the record's fields."""
        return _schema(self.name)

    @property
    def references(self) -> tuple[str, ...]:
        """Tables that a row names: a column ``subnet_id`` names a row of ``subnet``."""
        others = {table.name for table in TABLES if table is not self}
        named = (column.removesuffix("_id") for column in self.schema.names)
        return tuple(name for name in named if name in others)

    @property
    def ahead_s(self) -> Mapping[str, float]:
        """Columns of times, and how far each may be ahead of the store's clock."""
        return {
            column.name: 0.0 if column.name == "seen_at" else AHEAD_S
            for column in self.schema
            if pa.types.is_timestamp(column.type)
        }


TABLES = (
    Table(name="hardware", record=r.Hardware, key=("hardware_id",)),
    Table(name="environment", record=r.Environment, key=("environment_id",)),
    Table(name="host", record=r.Host, key=("host_id",)),
    Table(name="configuration", record=r.Configuration, key=("configuration_id",)),
    Table(name="supernet", record=r.Supernet, key=("supernet_id",)),
    Table(name="subnet", record=r.Subnet, key=("subnet_id",)),
    Table(name="measurement", record=r.Measurement, key=("measurement_id",)),
    Table(name="validation", record=r.Validation, key=("validation_id",)),
    Table(name="search", record=r.Search, key=("search_id",)),
    Table(name="evaluation", record=r.Evaluation, key=("search_id", "position")),
    Table(name="predictor", record=r.Predictor, key=("predictor_id",)),
)
"""Every table of records, in the order of writing: what others refer to comes first."""

BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}


Batches = Sequence[tuple[Table, pa.Table]]
"""Rows by table."""


def united(writes: Sequence[Batches]) -> Iterator[tuple[Table, pa.Table]]:
    """Yield the rows of several writes as one; of rows with the same key the last one counts.

    Raises:
        InvalidInputError: a measurement holds what cannot be measured.
    """
    for table in TABLES:
        parts = [rows for write in writes for kind, rows in write if kind is table]
        if parts:
            rows = _distinct(table, pa.concat_tables(parts))
            if table.name == "measurement":
                _refuse_unmeasurable(rows)
            yield table, rows


def _distinct(table: Table, rows: pa.Table) -> pa.Table:
    columns = [rows[name].to_pylist() for name in table.key]
    if table.name == "measurement":  # a UUID, which can be spelt in several ways
        columns = [[str(key).translate(_SPELLING).lower() for key in columns[0]]]
    last = {key: position for position, key in enumerate(zip(*columns, strict=True))}
    return rows if len(last) == rows.num_rows else rows.take(sorted(last.values()))


_SPELLING = str.maketrans("", "", "-{}")


def _refuse_unmeasurable(measurements: pa.Table) -> None:
    """Return if every number is finite and every latency positive: others could not be compared."""
    for name in ("value", "interval", "samples", "cpu_samples"):
        column = measurements[name].combine_chunks()
        numbers = column.flatten() if pa.types.is_list(column.type) else column
        if not np.isfinite(np.asarray(numbers, float)).all():
            raise InvalidInputError(
                f"A measurement has no finite {name}; expected numbers. Nothing was written."
            )
    latencies = np.asarray(measurements["metric"]) == "latency_ms"
    least = np.asarray(measurements["value"])[latencies].min(initial=np.inf)
    if least <= 0:
        raise InvalidInputError(
            f"A measurement has the latency {least:g} ms; expected more than zero. Nothing was "
            "written."
        )


def batches(records: Sequence[Record]) -> Iterator[tuple[Table, pa.Table]]:
    """Yield the rows of ``records`` by table; of records with the same key the last one counts.

    Raises:
        InvalidInputError: a field cannot be stored, e.g. NaN among JSON facts.
    """
    unknown = {type(record).__name__ for record in records} - {t.record.__name__ for t in TABLES}
    if unknown:
        raise InvalidInputError(
            f"A store holds the records of latbase.db.records, not {', '.join(sorted(unknown))}."
        )
    for table in TABLES:
        distinct = {
            tuple(getattr(record, name) for name in table.key): record
            for record in records
            if isinstance(record, table.record)
        }
        if distinct:
            yield table, _arrow(table, list(distinct.values()))


_REQUESTS = pa.schema(
    {
        "job_id": pa.string(),
        "subnet_id": pa.string(),
        "configuration_id": pa.string(),
        "search_id": pa.string(),
        "priority": pa.int32(),
        "max_attempts": pa.int32(),
    }
)


def requests(jobs: Sequence[JobRequest]) -> pa.Table:
    """Return jobs to queue as rows; of those with the same id the last one counts."""
    distinct = list({job.job_id: job for job in jobs}.values())
    columns = {name: [getattr(job, name) for job in distinct] for name in _REQUESTS.names}
    return pa.table(columns, schema=_REQUESTS)


R = TypeVar("R")


def read(record: type[R], rows: pa.Table) -> list[R]:
    """Return rows, as a query gives them, as values of the dataclass ``record``."""
    return values(record, rows.to_pylist())


def values(record: type[R], rows: Sequence[Mapping[str, object]]) -> list[R]:
    """Return rows of columns by name as values of the dataclass ``record``."""
    hints = get_type_hints(record)
    make: Callable[..., R] = record
    return [make(**{name: _value(hint, row[name]) for name, hint in hints.items()}) for row in rows]


def _arrow(table: Table, records: Sequence[Record]) -> pa.Table:
    try:
        return pa.table(
            {
                name: [_plain(getattr(record, name)) for record in records]
                for name in table.schema.names
            },
            schema=table.schema,
        )
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        raise InvalidInputError(
            f"A record of {table.name} cannot be stored: {error}. See latbase.db.records for the "
            "types of its fields."
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return canonical_json(dict(value))
    if isinstance(value, tuple) and value and isinstance(value[0], Mapping):
        return canonical_json([dict(item) for item in value])
    return value


@cache
def _schema(name: str) -> pa.Schema:
    hints = get_type_hints(BY_NAME[name].record)
    return pa.schema([(field, _type(hint)) for field, hint in hints.items()])


def _type(hint: object) -> pa.DataType:
    if isinstance(hint, types.UnionType):  # X | None
        return _type(get_args(hint)[0])
    if get_origin(hint) is tuple and get_args(hint)[0] is not r.Facts:
        return pa.list_(_type(get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, str):
        return pa.string()
    return _SCALARS.get(hint, pa.string())


def _value(hint: object, value: object) -> object:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, list):
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, str):
        return hint(value)
    if hint in _SCALARS or isinstance(hint, types.UnionType):
        return value
    loaded = json.loads(str(value))
    return tuple(loaded) if isinstance(loaded, list) else loaded


_SCALARS: Mapping[object, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
}
"""Everything else is JSON text."""

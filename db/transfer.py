"""Move records between stores: Parquet directories, and merging one store into another.

Facts are united by id: nothing is lost and nothing doubled. Jobs and tokens stay where they are:
they belong to a service, not to its data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from latbase.db.rows import TABLES, Table
from latbase.db.store import Store
from latbase.errors import InvalidInputError, StoreError

PAGE_ROWS = 20_000
"""Rows moved at a time; with their samples some 10 MB."""

KEY_TYPES = {"measurement_id": "UUID", "position": "INTEGER"}
"""Of the key columns that are no text."""

CHANGING = frozenset({"search", "evaluation", "predictor"})
"""Tables whose rows can change, where a row that the target already has stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which part of a store to move; empty means everything.

    What is left names nothing outside it: searches go with their evaluations and sub-networks.

    Attributes:
        supernet_ids: only these supernets.
        configuration_ids: only these configurations.
    """

    supernet_ids: Sequence[str] = ()
    configuration_ids: Sequence[str] = ()


EVERYTHING = Filter()

_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "configuration": ("configuration_id IN $configurations",),
    "supernet": ("supernet_id IN $supernets",),
    "subnet": ("supernet_id IN $supernets",),
    "measurement": (
        "configuration_id IN $configurations",
        "subnet_id IN (SELECT subnet_id FROM subnet WHERE supernet_id IN $supernets)",
    ),
    "validation": ("subnet_id IN (SELECT subnet_id FROM subnet WHERE supernet_id IN $supernets)",),
    "search": (
        "supernet_id IN $supernets",
        "(configuration_id IS NULL OR configuration_id IN $configurations)",
    ),
    "evaluation": (
        "search_id IN (SELECT search_id FROM search WHERE supernet_id IN $supernets)",
        """search_id IN (
            SELECT search_id FROM search
            WHERE configuration_id IS NULL OR configuration_id IN $configurations
        )""",
    ),
    "predictor": ("supernet_id IN $supernets", "configuration_id IN $configurations"),
}


def export(store: Store, directory: Path, keep: Filter = EVERYTHING) -> dict[str, int]:
    """Write one Parquet file per table into ``directory``; returns rows by table.

    Raises:
        InvalidInputError: the directory already holds files, or cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        occupied = any(directory.iterdir())
    except OSError as error:
        raise InvalidInputError(f"{directory} cannot be written: {error.strerror}.") from error
    if occupied:
        raise InvalidInputError(f"{directory} is not empty; name a new directory.")
    try:
        return {table.name: _write(store, table, directory, keep) for table in TABLES}
    except BaseException:
        for table in TABLES:
            (directory / f"{table.name}.parquet").unlink(missing_ok=True)
        raise


def _write(store: Store, table: Table, directory: Path, keep: Filter) -> int:
    count = 0
    with pq.ParquetWriter(directory / f"{table.name}.parquet", table.schema) as writer:
        for page in pages(store, table, keep):
            writer.write_table(page)
            count += page.num_rows
    return count


def import_directory(store: Store, directory: Path) -> dict[str, int]:
    """Add what :func:`export` wrote to ``store``; returns rows read by table.

    Raises:
        InvalidInputError: the directory holds no such files, or one has other columns.
    """
    if not any((directory / f"{table.name}.parquet").exists() for table in TABLES):
        raise InvalidInputError(
            f"{directory} holds no exported store: none of the files that latbase export writes."
        )
    return {table.name: _add(store, table, _file_pages(directory, table)) for table in TABLES}


def merge(store: Store, other: Store) -> dict[str, int]:
    """Add everything in ``other`` to ``store``; returns rows read by table."""
    return {table.name: _add(store, table, pages(other, table)) for table in TABLES}


def pages(store: Store, table: Table, keep: Filter = EVERYTHING) -> Iterator[pa.Table]:
    """Yield the rows of ``table``, ordered by key, some at a time.

    Rows that others write meanwhile may be missed or come twice; those that were there are not.
    """
    order = ", ".join(table.key)
    columns = ", ".join(f'"{name}"' for name in table.schema.names)
    conditions, parameters = _conditions(table, keep)
    bounds = ", ".join(f"${name}::{KEY_TYPES.get(name, 'VARCHAR')}" for name in table.key)
    while True:
        where = "WHERE " + " AND ".join(conditions) if conditions else ""
        found = store.query(
            f"SELECT {columns} FROM {table.name} {where} ORDER BY {order} LIMIT {PAGE_ROWS}",
            parameters,
        )
        if found.num_rows:
            yield found.cast(table.schema)
        if found.num_rows < PAGE_ROWS:
            return
        if not parameters.keys() & set(table.key):
            conditions.append(f"({order}) > ({bounds})")
        last = found.select(table.key).slice(PAGE_ROWS - 1).to_pylist()[0]
        parameters |= {name: str(value) for name, value in last.items()}


def _conditions(table: Table, keep: Filter) -> tuple[list[str], dict[str, object]]:
    wanted = {"supernets": keep.supernet_ids, "configurations": keep.configuration_ids}
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    for condition in _CONDITIONS.get(table.name, ()):
        for name, ids in wanted.items():
            if ids and f"${name}" in condition:
                bound = f"(SELECT unnest(${name}::VARCHAR[]))"
                conditions.append(condition.replace(f"${name}", bound))
                parameters[name] = list(ids)
    return conditions, parameters


def _add(store: Store, table: Table, batches: Iterator[pa.Table]) -> int:
    count = 0
    for batch in batches:
        count += batch.num_rows
        new = _without_known(store, table, batch) if table.name in CHANGING else batch
        if new.num_rows:
            store.write_rows([(table, new)])
    return count


def _without_known(store: Store, table: Table, batch: pa.Table) -> pa.Table:
    first = table.key[0]
    found = store.query(
        f"SELECT {', '.join(table.key)} FROM {table.name} "
        f"WHERE {first} IN (SELECT unnest($ids::VARCHAR[]))",
        {"ids": batch[first].unique().to_pylist()},
    )
    known = set(_keys(found))
    return batch.filter(pa.array([key not in known for key in _keys(batch.select(table.key))]))


def _keys(rows: pa.Table) -> Iterator[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in rows.columns), strict=True)


def _file_pages(directory: Path, table: Table) -> Iterator[pa.Table]:
    path = directory / f"{table.name}.parquet"
    if not path.exists():
        return
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PAGE_ROWS):
                yield pa.table(batch).select(table.schema.names).cast(table.schema)
    except (pa.ArrowException, KeyError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise InvalidInputError(f"{path} is not what latbase export writes: {error}") from error

"""Move records between stores: Parquet directories, and merging one store into another.

Facts are united by id: nothing is lost and nothing doubled. Jobs and tokens stay where they are:
they belong to a service, not to its data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from latbase.db import copying
from latbase.db.records import SearchStatus
from latbase.db.rows import BY_NAME, TABLES, Table
from latbase.db.store import Store
from latbase.errors import InvalidInputError, StoreError

PAGE_ROWS = 20_000
"""Rows read at a time; with their samples some 10 MB, or many times that."""

PAGE_BYTES = 16 * 2**20
"""Rows handed on at a time: a service takes 64 MiB per request."""

KEY_TYPES = {"measurement_id": "UUID", "position": "INTEGER"}
"""Of the key columns that are no text."""

SEARCHES = frozenset({"search", "evaluation"})
"""Tables of searches: of one that both stores have, the one that is further counts."""


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

    The directory appears complete or not at all, and is whole by itself also while others write.

    Raises:
        InvalidInputError: the directory already holds files, or cannot be made.
    """
    directory = directory.absolute()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        occupied = directory.exists() and any(directory.iterdir())
    except OSError as error:
        raise InvalidInputError(f"{directory} cannot be written: {error.strerror}.") from error
    if occupied:
        raise InvalidInputError(f"{directory} is not empty; name a new directory.")
    with copying.drafted(directory) as draft:
        draft.mkdir()
        # What others refer to is read last, so that it holds all that was named before.
        counts = {table.name: _write(store, table, draft, keep) for table in reversed(TABLES)}
        draft.replace(directory)
    return {table.name: counts[table.name] for table in TABLES}


def _write(store: Store, table: Table, directory: Path, keep: Filter) -> int:
    count = 0
    with pq.ParquetWriter(_file(directory, table), table.schema) as writer:
        for page in pages(store, table, keep):
            writer.write_table(page)
            count += page.num_rows
    return count


def import_directory(store: Store, directory: Path) -> dict[str, int]:
    """Add what :func:`export` wrote to ``store``; returns rows read by table.

    Raises:
        InvalidInputError: the directory lacks one of its files, or one has other columns.
    """
    files = [_file(directory, table) for table in TABLES]
    if missing := ", ".join(file.name for file in files if not file.exists()):
        raise InvalidInputError(
            f"{directory} holds no exported store, or a part of one: it lacks {missing}. Nothing "
            "was written; export the store again."
        )
    ahead = _ahead(_progress_in(directory), _progress(store))
    return {
        table.name: _add(store, table, _file_pages(directory, table), ahead) for table in TABLES
    }


def merge(store: Store, other: Store) -> dict[str, int]:
    """Add everything in ``other`` to ``store``; returns rows read by table.

    What comes to ``other`` meanwhile may be left for the next merge.
    """
    ahead = _ahead(_progress(other), _progress(store))
    counts = {}
    for table in TABLES:
        found = (complete(store, table, page) for page in pages(other, table))
        counts[table.name] = _add(store, table, found, ahead)
    return counts


def complete(target: Store, table: Table, page: pa.Table) -> pa.Table:
    """Leave out rows about what came to their store after its own table had been read."""
    for name in table.references:
        column = page[f"{name}_id"]
        known = target.query(
            f"SELECT {name}_id AS id FROM {name} "
            f"WHERE {name}_id IN (SELECT unnest($ids::VARCHAR[]))",
            {"ids": column.unique().drop_null().to_pylist()},
        )["id"]
        there = pc.is_in(column, value_set=known.cast(column.type))
        page = page.filter(pc.or_(there, pc.is_null(column)))
    return page


def pages(store: Store, table: Table, keep: Filter = EVERYTHING) -> Iterator[pa.Table]:
    """Yield the rows of ``table``, ordered by key, some at a time.

    Rows that others write meanwhile may be missed; those that were there are not.
    """
    conditions, parameters = _conditions(table, keep)
    columns = ", ".join(f'"{name}"' for name in table.schema.names)
    key = ", ".join(table.key)
    above, upto = (
        ", ".join(f"${side}_{name}::{KEY_TYPES.get(name, 'VARCHAR')}" for name in table.key)
        for side in ("above", "upto")
    )
    low: dict[str, object] = {}
    for last in _last_keys(store, table, conditions, parameters):
        high = {f"upto_{name}": value for name, value in last.items()}
        # The first column alone lets DuckDB skip what is beyond. Of > and <= together it would make
        # BETWEEN, which it does not have for rows.
        limits = [
            f"{table.key[0]} <= {upto.split(',')[0]}",
            f"coalesce(({key}) <= ({upto}), false)",
        ]
        limits += [f"({key}) > ({above})"] if low else []
        found = store.query(
            f"SELECT {columns} FROM {table.name} {_where([*conditions, *limits])} ORDER BY {key}",
            parameters | low | high,
        )
        yield from _portions(found.cast(table.schema))
        low = {f"above_{name}": value for name, value in last.items()}


def _last_keys(
    store: Store, table: Table, conditions: list[str], parameters: dict[str, object]
) -> list[dict[str, object]]:
    """Return the last key of every page: all found at once, no page looks for where it begins."""
    key = ", ".join(table.key)
    last = ", ".join(f"arg_max({name}, row)::VARCHAR AS {name}" for name in table.key)
    found: list[dict[str, object]] = store.query(
        f"SELECT {last} FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) - 1 AS row "
        f"FROM {table.name} {_where(conditions)}) GROUP BY row // {PAGE_ROWS} ORDER BY max(row)",
        parameters,
    ).to_pylist()
    return found


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _portions(page: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows of ``page`` so that each piece fits one request to a service."""
    if page.nbytes <= PAGE_BYTES or page.num_rows == 1:
        yield page
        return
    half = page.num_rows // 2
    yield from _portions(page.slice(0, half))
    yield from _portions(page.slice(half))


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


def _add(store: Store, table: Table, batches: Iterator[pa.Table], ahead: pa.Array) -> int:
    count = 0
    for batch in batches:
        count += batch.num_rows
        new = batch
        if table.name in SEARCHES:
            new = batch.filter(pc.is_in(batch["search_id"], value_set=ahead))
        elif table.name == "predictor":
            new = _without_known(store, table, batch)
        if new.num_rows:
            store.write_rows([(table, new)])
    return count


Progress = Mapping[str, tuple[int, bool]]
"""How far searches are, by id: their evaluations, and whether they ended."""


def _progress(store: Store) -> Progress:
    found = store.query(
        f"SELECT search_id, count(position) AS n, status <> '{SearchStatus.RUNNING}' AS ended "
        "FROM search LEFT JOIN evaluation USING (search_id) GROUP BY search_id, status"
    )
    return {row["search_id"]: (row["n"], row["ended"]) for row in found.to_pylist()}


def _progress_in(directory: Path) -> Progress:
    evaluations: Counter[str] = Counter()
    for page in _file_pages(directory, BY_NAME["evaluation"]):
        evaluations.update(page["search_id"].to_pylist())
    return {
        row["search_id"]: (evaluations[row["search_id"]], row["status"] != SearchStatus.RUNNING)
        for page in _file_pages(directory, BY_NAME["search"])
        for row in page.select(["search_id", "status"]).to_pylist()
    }


def _ahead(source: Progress, target: Progress) -> pa.Array:
    """Return the searches that are further in ``source``.

    Each goes with all its evaluations, or not at all: its front depends on every one.
    """
    behind = (-1, False)
    ahead = [each for each, progress in source.items() if progress > target.get(each, behind)]
    return pa.array(ahead, pa.string())


def _without_known(store: Store, table: Table, batch: pa.Table) -> pa.Table:
    (key,) = table.key
    found = store.query(
        f"SELECT {key} FROM {table.name} WHERE {key} IN (SELECT unnest($ids::VARCHAR[]))",
        {"ids": batch[key].to_pylist()},
    )
    return batch.filter(pc.invert(pc.is_in(batch[key], value_set=found[key])))


def _file(directory: Path, table: Table) -> Path:
    return directory / f"{table.name}.parquet"


def _file_pages(directory: Path, table: Table) -> Iterator[pa.Table]:
    path = _file(directory, table)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PAGE_ROWS):
                page = pa.table(batch).select(table.schema.names).cast(table.schema)
                yield from _portions(page)
    except (pa.ArrowException, KeyError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise InvalidInputError(f"{path} is not what latbase export writes: {error}") from error

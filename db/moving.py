"""Move a store into another while others write to it, and prove that everything arrived.

Unlike a merge, the source is right about everything that changes: its searches and evaluations
replace what an earlier, interrupted move brought. Jobs and tokens stay: they belong to a service.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from latbase.db import transfer
from latbase.db.rows import TABLES, Table
from latbase.db.store import Store
from latbase.errors import StoreError

ATTEMPTS = 3
"""How often a page is moved: its rows can change between copying and comparing."""

UNCOMPARED = frozenset({"seen_at", "host_name", "latbase_version"})
"""Columns in which the target may be newer: hosts that report to it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What arrived of one table.

    Attributes:
        rows: rows of the source, all found in the target.
        checksum: over their contents, the same in both stores, whatever the order.
    """

    table: str
    rows: int
    checksum: int


def move(source: Store, target: Store) -> Iterator[Moved]:
    """Move every record, table by table; a repeat goes on where one was interrupted.

    Rows that arrive at the source meanwhile may be left for the next move.

    Raises:
        StoreError: a row did not arrive as it was; the message says of which table.
    """
    for table in TABLES:
        count, checksum = 0, 0
        for page in transfer.pages(source, table):
            checksum ^= _move_page(source, target, table, page)
            count += page.num_rows
        yield Moved(table=table.name, rows=count, checksum=checksum)


def _move_page(source: Store, target: Store, table: Table, page: pa.Table) -> int:
    for attempt in range(ATTEMPTS + 1):
        if attempt:
            target.write_rows([(table, _newer(source, table, page))])
        wanted = _checksum(source, table, page)
        if _checksum(target, table, page) == wanted:
            return wanted[1]
    raise StoreError(
        f"{page.num_rows} rows of {table.name} are not the same in {source.description} and "
        f"{target.description} after {ATTEMPTS} attempts. Nothing was removed from either; check "
        "both (latbase check), then run the same again."
    )


def _newer(source: Store, table: Table, page: pa.Table) -> pa.Table:
    """Return the rows of ``page`` as they are now."""
    columns = ", ".join(f'"{name}"' for name in table.schema.names)
    where, parameters = _of(table, page)
    return source.query(f"SELECT {columns} FROM {table.name} {where}", parameters).cast(
        table.schema
    )


def _checksum(store: Store, table: Table, page: pa.Table) -> tuple[int, int]:
    """Return how many rows of ``page`` the store has, and a checksum over them."""
    columns = ", ".join(f'"{name}"' for name in table.schema.names if name not in UNCOMPARED)
    where, parameters = _of(table, page)
    found = store.query(
        f"SELECT count(*) AS n, coalesce(bit_xor(hash({columns})), 0) AS checksum "
        f"FROM {table.name} {where}",
        parameters,
    )
    return int(found["n"][0].as_py()), int(found["checksum"][0].as_py())


def _of(table: Table, page: pa.Table) -> tuple[str, dict[str, object]]:
    """Return the condition that picks the rows of ``page``, by range first: pages are sorted."""
    first, kinds = page[table.key[0]].to_pylist(), {"measurement_id": "UUID", "position": "INTEGER"}
    types = [kinds.get(name, "VARCHAR") for name in table.key]
    unnested = ", ".join(f"unnest($key{i}::{kind}[])" for i, kind in enumerate(types))
    where = (
        f"WHERE {table.key[0]} BETWEEN $low::{types[0]} AND $high::{types[0]} "
        f"AND ({', '.join(table.key)}) IN (SELECT {unnested})"
    )
    keys = {f"key{i}": page[name].to_pylist() for i, name in enumerate(table.key)}
    return where, {"low": min(first), "high": max(first), **keys}

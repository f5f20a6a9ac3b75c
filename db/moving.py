"""Move a store into another while others write to it, and prove that everything arrived.

Unlike a merge, the source is right about everything that changes: its searches and evaluations
replace what an earlier, interrupted move brought. Of the jobs those that wait are queued again;
those that ended at the source since an earlier move are called off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

import pyarrow as pa

from latbase.db import transfer
from latbase.db.jobs import JobRequest
from latbase.db.rows import TABLES, Table
from latbase.db.store import OwnedStore, Store
from latbase.errors import StoreError

ATTEMPTS = 3
"""How often a page is moved: its rows can change between copying and comparing."""

UNCOMPARED = frozenset({"host_name", "latbase_version"})
"""Columns in which the target may be newer: hosts that report to it already. Times are not compared
either: one ahead of the target's clock is another there."""


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
    # Read first: what they are about is then among the rows that move.
    waiting = source.query(f"SELECT {_JOB} FROM job WHERE {_WAITS} ORDER BY job_id")
    for table in TABLES:
        count, checksum = 0, 0
        for found in transfer.pages(source, table):
            page = transfer.complete(target, table, found)
            if page.num_rows:
                checksum ^= _move_page(source, target, table, page)
                count += page.num_rows
        yield Moved(table=table.name, rows=count, checksum=checksum)
    yield _move_jobs(source, target, waiting)


def move_tokens(source: OwnedStore, target: OwnedStore) -> Moved:
    """Move the tokens, with which hosts and people go on as before.

    Only between stores of this process: a service does not hand out the hashes of secrets.

    Raises:
        StoreError: one did not arrive as it was.
    """
    wanted = source.tokens.kept()
    target.tokens.keep(wanted)
    ids = {token.token_id for token in wanted}
    found = [token for token in target.tokens.kept() if token.token_id in ids]
    if [token.secret_hash for token in found] != [token.secret_hash for token in wanted]:
        raise StoreError(
            f"Tokens of {source.description} are others in {target.description}; revoke them there."
        )
    hashes = (int(token.secret_hash[:16], 16) for token in found)
    return Moved(table="token", rows=len(found), checksum=reduce(xor, hashes, 0))


def _move_jobs(source: Store, target: Store, waiting: pa.Table) -> Moved:
    for page in waiting.to_batches(max_chunksize=transfer.PAGE_ROWS):
        target.jobs.enqueue([JobRequest(**row) for row in page.to_pylist()])
    open_there = target.query(f"SELECT job_id::VARCHAR AS id FROM job WHERE {_WAITS}")["id"]
    over = source.query(
        f"SELECT job_id::VARCHAR AS id FROM job WHERE NOT {_WAITS} "
        "AND job_id IN (SELECT unnest($ids::UUID[]))",
        {"ids": open_there.to_pylist()},
    )
    target.jobs.cancel(over["id"].to_pylist())
    compared = (
        f"SELECT count(*) AS n, coalesce(bit_xor(hash({_JOB_COMPARED})), 0) AS checksum FROM job "
        "WHERE job_id IN (SELECT unnest($ids::UUID[]))"
    )
    ids = {"ids": waiting["job_id"].to_pylist()}
    there, here = (store.query(compared, ids).to_pylist()[0] for store in (target, source))
    if there != here:
        raise StoreError(
            f"{here['n']} jobs wait in {source.description}, and not all of them in "
            f"{target.description}. Nothing was removed from either; run the same again."
        )
    return Moved(table="job", rows=int(there["n"]), checksum=int(there["checksum"]))


_WAITS = "status IN ('queued', 'claimed')"
_JOB_COMPARED = "job_id, subnet_id, configuration_id, search_id, priority, max_attempts"
_JOB = _JOB_COMPARED.replace("job_id", "job_id::VARCHAR AS job_id")


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
    uncompared = UNCOMPARED.union(table.ahead_s)
    columns = ", ".join(f'"{name}"' for name in table.schema.names if name not in uncompared)
    where, parameters = _of(table, page)
    found = store.query(
        f"SELECT count(*) AS n, coalesce(bit_xor(hash({columns})), 0) AS checksum "
        f"FROM {table.name} {where}",
        parameters,
    )
    return int(found["n"][0].as_py()), int(found["checksum"][0].as_py())


def _of(table: Table, page: pa.Table) -> tuple[str, dict[str, object]]:
    """Return the condition that picks the rows of ``page``, by range first: pages are sorted."""
    first = page[table.key[0]].to_pylist()
    types = [transfer.KEY_TYPES.get(name, "VARCHAR") for name in table.key]
    unnested = ", ".join(f"unnest($key{i}::{kind}[])" for i, kind in enumerate(types))
    where = (
        f"WHERE {table.key[0]} BETWEEN $low::{types[0]} AND $high::{types[0]} "
        f"AND ({', '.join(table.key)}) IN (SELECT {unnested})"
    )
    keys = {f"key{i}": page[name].to_pylist() for i, name in enumerate(table.key)}
    return where, {"low": min(first), "high": max(first), **keys}

"""Write rows of records into PostgreSQL: nothing doubled, nothing dangling, summaries kept in step.

Every function runs inside a transaction; from :func:`take_turn` on no other writer is between.
"""

import io
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from latbase.db import rows
from latbase.db.postgres import Connection
from latbase.db.rows import Table
from latbase.db.sql import statements
from latbase.errors import InvalidInputError

InLake = Callable[[Sequence[str]], Sequence[str]]
"""Tells which measurement ids the lake has."""

CHANGING = frozenset({"search", "evaluation", "predictor"})
"""Tables whose rows are replaced by newer ones."""


def write(connection: Connection, batches: rows.Batches, in_lake: InLake) -> None:
    """Write ``batches``, whose rows are distinct by key, in the open transaction.

    Raises:
        InvalidInputError: a row names one that the store does not have.
    """
    measurements = sum(batch.num_rows for table, batch in batches if table.name == "measurement")
    turn = connection.execute(_SQL["turn"], {"measurements": measurements}).fetchone()
    assert turn is not None
    for table, batch in batches:
        load(connection, table.name, batch)
        refuse_unknown(connection, table.name, table.references)
        for column, ahead_s in table.ahead_s.items():
            connection.execute(
                _SQL["ahead"].format(table=table.name, column=column, ahead_s=ahead_s)
            )
        if table.name == "measurement":
            _write_measurements(connection, turn, in_lake)
        else:
            connection.execute(_upsert(table))


def load(connection: Connection, table: str, batch: pa.Table) -> None:
    """Make ``batch`` the rows of ``incoming_TABLE`` until the transaction ends."""
    connection.execute(_SQL["incoming"].format(table=table))
    text = io.BytesIO()
    flat = pa.table({name: _flat(batch[name]) for name in batch.column_names})
    csv.write_csv(flat, text, csv.WriteOptions(include_header=False))
    columns = _named(batch.column_names)
    with connection.cursor().copy(
        f"COPY incoming_{table} ({columns}) FROM STDIN (FORMAT csv)"
    ) as copy:
        copy.write(text.getbuffer())


def refuse_unknown(connection: Connection, table: str, targets: Sequence[str]) -> None:
    """Return if every row of ``incoming_TABLE`` names rows of the tables ``targets`` that exist.

    Raises:
        InvalidInputError: some row does not.
    """
    if not targets:
        return
    every = " UNION ALL ".join(_SQL["unknown"].format(table=table, target=t) for t in targets)
    if missing := connection.execute(f"{every} LIMIT 4").fetchall():
        named = ", ".join(f"{row['table']} {row['id']}" for row in missing)
        raise InvalidInputError(
            f"A {table} names what the store does not have: {named}. Write those before it or with "
            "it; nothing was written."
        )


def _write_measurements(connection: Connection, turn: dict[str, object], in_lake: InLake) -> None:
    connection.execute(_SQL["waiting"])
    if turn["moved_to"] is not None:
        old = connection.execute(_SQL["old"], turn).fetchall()
        if known := in_lake([str(row["measurement_id"]) for row in old]) if old else ():
            connection.execute(_SQL["known"], {"ids": list(known)})
    columns = _named(rows.BY_NAME["measurement"].schema.names)
    connection.execute(_SQL["measurement"].format(columns=columns), turn)
    connection.execute(_SQL["summaries"])


def _upsert(table: Table) -> str:
    names = table.schema.names
    kind = "replace_if_later" if table.name == "host" else "keep"
    return _SQL["replace" if table.name in CHANGING else kind].format(
        table=table.name,
        columns=_named(names),
        key=_named(table.key),
        changes=", ".join(f'"{n}" = excluded."{n}"' for n in names if n not in table.key),
    )


def _named(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return lists as PostgreSQL writes arrays, anything else as it is."""
    if not pa.types.is_list(column.type):
        return column
    whole = column.combine_chunks()
    values = whole.flatten().cast(pa.string())
    if pa.types.is_string(whole.type.value_type):
        escaped = pc.replace_substring_regex(values, r'([\\"])', r"\\\1")
        values = pc.binary_join_element_wise('"', escaped, '"', "")
    offsets = pc.subtract(whole.offsets, whole.offsets[0])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, values), ",")
    return pc.binary_join_element_wise("{", joined, "}", "")


_SQL = statements("postgres_writing")

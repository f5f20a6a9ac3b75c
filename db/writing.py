"""Write rows of records into DuckDB: nothing doubled, nothing dangling, summaries kept in step.

Every function runs inside a transaction of the store's only writer; the writer's lock is what makes
looking first and inserting then atomic.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from latbase.db.rows import Table
from latbase.db.sql import statements
from latbase.errors import InvalidInputError


def write_rows(cursor: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    """Write ``rows``, distinct by key, in the open transaction.

    Raises:
        InvalidInputError: a row names one that the store does not have.
    """
    sql = statements("writing")
    with registered(cursor, "incoming", rows):
        refuse_unknown(cursor, table.name, table.references)
        for column, ahead_s in table.ahead_s.items():
            cursor.execute(sql["ahead"].format(column=column, ahead_s=ahead_s))
        if table.name == "measurement":
            cursor.execute(sql["repeated"])
            _write_measurements(cursor)
        else:
            cursor.execute(sql[table.name])


def _write_measurements(cursor: duckdb.DuckDBPyConnection) -> None:
    sql = statements("writing")
    cursor.execute(sql["measurement"])
    ranked = cursor.execute(sql["ranked"]).to_arrow_table()
    with registered(cursor, "ranked", ranked):
        if any(ranked["is_better"].to_pylist()):
            cursor.execute(sql["dethrone"])
        cursor.execute(sql["enthrone"])
        cursor.execute(sql["tally"])


def refuse_unknown(cursor: duckdb.DuckDBPyConnection, what: str, targets: Sequence[str]) -> None:
    """Return if every row of ``incoming`` names rows of the tables ``targets`` that exist.

    Raises:
        InvalidInputError: some ``what`` does not.
    """
    if not targets:
        return
    one = statements("writing")["unknown"]
    every = " UNION ALL ".join(one.format(table=target) for target in targets)
    if missing := cursor.execute(f"{every} LIMIT 4").fetchall():
        named = ", ".join(f"{target} {name}" for target, name in missing)
        raise InvalidInputError(
            f"A {what} names what the store does not have: {named}. Write those before it or with "
            "it; nothing was written."
        )


@contextmanager
def registered(cursor: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> Iterator[None]:
    """Let statements of the block read ``rows`` as the table ``name``.

    They are handed over as a bare stream: for a table DuckDB would load ``pyarrow.dataset``, 20 MB
    that an idle daemon would keep. Where the block fails, the transaction takes the table back.
    """
    cursor.register("arriving", rows.__arrow_c_stream__())
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM arriving")
    cursor.unregister("arriving")
    yield
    cursor.execute(f"DROP TABLE temp.{name}")

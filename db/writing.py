"""Write rows of records into DuckDB: nothing doubled, nothing dangling, summaries kept in step.

Every function runs inside a transaction of the store's only writer; the writer's lock is what makes
looking first and inserting then atomic.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from latbase.db.rows import Table
from latbase.db.sql import statements
from latbase.errors import InvalidInputError


def write_rows(cursor: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    """Write ``rows``, distinct by key, in the open transaction.

    Raises:
        InvalidInputError: a row names one that the store does not have.
    """
    sql = statements("writing")
    with _registered(cursor, "incoming", rows):
        for column in table.references:
            _refuse_unknown(cursor, table, column)
        if table.name != "measurement":
            cursor.execute(sql[table.name])
            return
        repeated = cursor.execute(sql["repeated"]).to_arrow_table()["measurement_id"]
    fresh = rows.filter(pc.invert(pc.is_in(rows["measurement_id"], value_set=repeated)))
    if fresh.num_rows:
        with _registered(cursor, "incoming", fresh):
            _write_measurements(cursor)


def _write_measurements(cursor: duckdb.DuckDBPyConnection) -> None:
    sql = statements("writing")
    contenders = cursor.execute(sql["contenders"]).to_arrow_table()
    with _registered(cursor, "contenders", contenders):
        cursor.execute(sql["dethrone"])
        cursor.execute(sql["enthrone"])
        cursor.execute(sql["tally"])
    cursor.execute(sql["measurement"])


def _refuse_unknown(cursor: duckdb.DuckDBPyConnection, table: Table, column: str) -> None:
    target = column.removesuffix("_id")
    sql = statements("writing")["unknown"].format(table=target, column=column)
    if missing := [str(name) for (name,) in cursor.execute(sql).fetchall()]:
        raise InvalidInputError(
            f"A {table.name} names the {target} {', '.join(missing)}, which the store does not "
            f"have; write the {target} before it or with it. Nothing was written."
        )


@contextmanager
def _registered(cursor: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> Iterator[None]:
    cursor.register(name, rows)
    try:
        yield
    finally:
        cursor.unregister(name)

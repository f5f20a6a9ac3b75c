"""Which SQL a store answers: one statement that only reads, and only the store's own tables.

DuckDB's parser decides, never a pattern. Switching external access off is not enough: DuckDB still
lets a query read the database file itself (``read_blob``, ``read_csv``), and on Linux closing that
file drops the lock that keeps other processes out of it. So the parsed statement is walked, and
table functions are allowed by name.
"""

import json
from collections.abc import Iterator, Mapping

import duckdb

from latbase.errors import QueryRefusedError

SECRET_TABLES = frozenset({"token"})
"""Tables no query may read, not even hashed."""

SYSTEM_PREFIXES = ("duckdb_", "pg_", "pragma_", "sqlite_")
"""Of DuckDB's own views; some tell where attached databases are, passwords included."""

TABLE_FUNCTIONS = frozenset(
    {
        "range",
        "generate_series",
        "unnest",
        "json_each",
        "json_tree",
        "duckdb_columns",
        "duckdb_constraints",
        "duckdb_functions",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "pragma_table_info",
    }
)
"""Table functions that read no file, run no SQL text and change nothing."""


def refuse_unless_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Return if ``sql`` is one statement that only reads tables and views of the store.

    Raises:
        QueryRefusedError: it is not; the message says what was found.
    """
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryRefusedError(f"DuckDB cannot read the query: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = ", ".join(str(statement.type).rpartition(".")[2] for statement in statements)
        raise QueryRefusedError(
            "The store answers one statement at a time, and only SELECT, FROM, WITH, VALUES, SHOW, "
            f"DESCRIBE or SUMMARIZE; found {found or 'none'}."
        )
    for reason in _objections(_parsed(connection, statements[0].query)):
        raise QueryRefusedError(f"The query {reason}; ask the store's own tables (SHOW TABLES).")


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {"error": True, "error_message": "no answer"}
    except RecursionError as error:  # DuckDB takes more levels than Python
        raise QueryRefusedError(
            "The query is nested too deeply to be checked; long chains of operators count too: "
            "use a list, or sum() over one."
        ) from error
    if tree["error"]:
        raise QueryRefusedError(f"DuckDB cannot check the query: {tree['error_message']}")
    return tree


def _objections(tree: object) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
            kind, name = node.get("type"), str(node.get("table_name", "")).lower()
            if not isinstance(kind, str):
                continue
            if kind == "TABLE_FUNCTION":
                function = node["function"]["function_name"].lower()
                if function not in TABLE_FUNCTIONS:
                    yield f"calls {function}(), which is not among the table functions allowed"
            elif kind in {"BASE_TABLE", "SHOW_REF"} and name.strip('"') in SECRET_TABLES:
                yield f"reads {name}, which is secret"
            elif kind == "BASE_TABLE" and ("/" in name or "." in name):
                yield f"reads the file {name}"
            elif kind == "BASE_TABLE" and not _is_the_stores(node, name):
                yield f"reads {name}, which is DuckDB's own or of another database"


def _is_the_stores(node: Mapping[str, object], name: str) -> bool:
    schema = str(node["schema_name"]).lower()
    if name.startswith(SYSTEM_PREFIXES) and name not in TABLE_FUNCTIONS:
        return False
    return not node["catalog_name"] and schema in {"", "main", "information_schema"}

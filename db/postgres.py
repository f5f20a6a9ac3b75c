"""A PostgreSQL database that keeps a store: connections, transactions, its schema."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files

from latbase.db.clock import Clock, steady_clock
from latbase.errors import InvalidInputError, StoreError, StoreUnreachableError, StoreVersionError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool, PoolTimeout
except ModuleNotFoundError as missing:
    raise StoreError(
        f"A store on PostgreSQL needs {missing.name}: pip install 'latbase[postgresql]'."
    ) from missing

SCHEMA = "latbase"
"""Of PostgreSQL, for the tables; so a store shares a database with others."""
LAKE_SCHEMA = "latbase_lake"
"""Of PostgreSQL, for DuckLake's catalog."""

CONNECTIONS = 16
"""Of one process at most; a service answers 40 requests at a time, most of them short."""
OPTIONS = f"-c search_path={SCHEMA} -c jit=off -c plan_cache_mode=force_custom_plan"
"""Of every connection. Statements take a millisecond, and compiling one hundreds; a plan kept from
when a table was empty reads all of it once it is full."""
WAIT_S = 30.0
"""How long a call waits for a connection, e.g. while PostgreSQL restarts."""

Row = Mapping[str, object]
Connection = psycopg.Connection[dict[str, object]]


class Database:
    """Connections to one database, its schema brought up to date.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        before_making: called with the description where there are no tables yet, before they are
            made; what it raises leaves the database as it was.

    Raises:
        StoreUnreachableError: the database does not answer, or lets nobody in.
        StoreError: it cannot be used; the message says why and what to do.
        StoreVersionError: it was written by a newer latbase.
    """

    def __init__(self, url: str, before_making: Callable[[str], None] | None = None) -> None:
        self.url = url
        self.description = _described(url)
        try:
            with psycopg.connect(url, row_factory=dict_row) as connection:
                if before_making and _is_empty(connection):
                    before_making(self.description)
                _bring_up_to_date(connection, self.description)
        except psycopg.OperationalError as error:
            raise StoreUnreachableError(
                f"{self.description} does not answer: {_reason(error)}. Start PostgreSQL, or "
                "correct address, user, password or database."
            ) from error
        except psycopg.Error as error:
            raise StoreError(
                f"{self.description} cannot be used: {_reason(error)}. The user must be allowed to "
                "create schemas in that database."
            ) from error
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            kwargs={"row_factory": dict_row, "options": OPTIONS},
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_S,
            check=ConnectionPool.check_connection,
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the block in a transaction: committed at its end, or undone whole.

        Raises:
            InvalidInputError: a value does not fit its column.
            StoreUnreachableError: the database does not answer.
            StoreError: it refused.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise InvalidInputError(
                f"A row does not fit the store: {error}. Nothing was written."
            ) from error
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StoreUnreachableError(
                f"{self.description} did not do what was asked: {error}. Once it answers again, "
                "run the same again: nothing is written twice."
            ) from error
        except psycopg.Error as error:
            raise StoreError(
                f"{self.description} refused: {error}. Nothing was written."
            ) from error

    def without_secrets(self, text: str) -> str:
        """Return ``text``, which may quote the address, fit for a message."""
        return text.replace(self.url, self.description)

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Let one process at a time into the block."""
        with self.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s), 0)", [SCHEMA])
            yield

    def lake_path(self) -> str | None:
        """Return where the lake keeps its files; None if there is no lake yet."""
        with self.transaction() as connection:
            catalog = f"{LAKE_SCHEMA}.ducklake_metadata"
            if _one(connection.execute("SELECT to_regclass(%s) AS t", [catalog]))["t"] is None:
                return None
            kept = connection.execute(f"SELECT value FROM {catalog} WHERE key = 'data_path'")
            return str(_one(kept)["value"])

    def clock(self) -> Clock:
        """Return a clock that follows the database's, so that every service has the same."""

        def wall_s() -> float:
            with self.transaction() as connection:
                row = connection.execute("SELECT extract(epoch FROM clock_timestamp()) AS s")
                return float(str(_one(row)["s"]))

        return steady_clock(wall_s, time.monotonic)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()


def _one(cursor: psycopg.Cursor[dict[str, object]]) -> dict[str, object]:
    row = cursor.fetchone()
    assert row is not None
    return row


def _reason(error: psycopg.Error) -> str:
    """Return what went wrong on one line, without the question that libpq adds."""
    lines = (line.strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if not line.endswith("?")).rstrip(".")


def _described(url: str) -> str:
    """Return the address without its secrets, for messages."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise InvalidInputError(  # what psycopg says would quote the password
            "That is no address of a PostgreSQL database. It looks like "
            "postgresql://user:password@host:5432/database; %, / and @ in a password are written "
            "%25, %2F and %40."
        ) from None
    host, port = parts.get("host", "localhost"), parts.get("port", 5432)
    return f"postgresql://{host}:{port}/{parts.get('dbname', '')}"


def _migrations() -> list[tuple[int, str]]:
    return sorted(
        (int(entry.name[:4]), entry.read_text())
        for entry in (files("latbase.db") / "postgres_migrations").iterdir()
        if entry.name.endswith(".sql")
    )


def _is_empty(connection: Connection) -> bool:
    found = connection.execute("SELECT to_regnamespace(%s) AS schema", [SCHEMA])
    return _one(found)["schema"] is None


def _bring_up_to_date(connection: Connection, description: str) -> None:
    """Apply what is missing; services that start together wait for each other here."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s), 0)", [SCHEMA])
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, "
        "applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    found = _one(connection.execute("SELECT coalesce(max(version), 0) AS done FROM schema_version"))
    done, known = int(str(found["done"])), _migrations()
    if done > known[-1][0]:
        raise StoreVersionError(
            f"{description} has schema version {done}, written by a newer latbase; this one knows "
            f"up to {known[-1][0]}. Upgrade latbase, then try again."
        )
    for version, sql in known:
        if version > done:
            connection.execute(sql)
            connection.execute("INSERT INTO schema_version (version) VALUES (%s)", [version])

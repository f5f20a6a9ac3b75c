"""An old file, brought up to date, is the same as a new one."""

from pathlib import Path

import duckdb
import pytest

from latbase.db import connect, opening
from latbase.errors import StoreVersionError

SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
    UNION ALL SELECT table_name, constraint_text, constraint_type, NULL FROM duckdb_constraints()
    UNION ALL SELECT view_name, sql, comment, NULL FROM duckdb_views() WHERE NOT internal
    ORDER BY ALL
"""


@pytest.mark.parametrize("done", range(len(opening.migrations()) + 1))
def test_every_older_schema_ends_as_the_newest(tmp_path: Path, done: int) -> None:
    old = tmp_path / "old.duckdb"
    with duckdb.connect(str(old)) as database:
        if done:
            database.execute(opening.SCHEMA_VERSION)
        for version, sql in opening.migrations()[:done]:
            database.execute(sql)
            database.execute("INSERT INTO schema_version (version) VALUES (?)", [version])

    with connect(old) as store, connect(tmp_path / "new.duckdb") as new:
        assert store.query(SCHEMA).to_pylist() == new.query(SCHEMA).to_pylist()
        versions = store.query("SELECT version FROM schema_version ORDER BY 1")["version"]
        assert versions.to_pylist() == [version for version, _ in opening.migrations()]


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [version for version, _ in opening.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "latency.duckdb"
    connect(path).close()
    next_version = len(opening.migrations()) + 1
    broken = [
        *opening.migrations(),
        (next_version, "CREATE TABLE halfway (a INTEGER); SELECT nonsense"),
    ]
    with monkeypatch.context() as patched:
        patched.setattr(opening, "migrations", lambda: broken)
        with pytest.raises(StoreVersionError, match=f"must be brought to {next_version}"):
            connect(path, read_only=True)
        with pytest.raises(Exception, match="nonsense"):
            connect(path)
    with connect(path) as store:
        assert "halfway" not in store.query("SHOW TABLES")["name"].to_pylist()

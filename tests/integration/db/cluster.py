"""A throw-away PostgreSQL: its own directory, a Unix socket only, gone with the test run."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
import pytest

from latbase.db.postgres_store import PostgresStore
from latbase.db.rows import TABLES

PORT = "5432"
"""Names the socket; nothing listens on the network."""


class Cluster:
    """A running PostgreSQL."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._made = 0

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as its owner, never as root."""
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [self._programs / program, "-D", self.folder / "data", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=60,
            **user,  # type: ignore[call-overload]  # a mapping of one known key
        )

    def start(self) -> None:
        options = f"-k {self.folder} -p {PORT} -c listen_addresses='' -c fsync=off"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-o", options, "-l", log, "-w", "start")

    def kill(self) -> None:
        """End it as a power cut would."""
        first_line = (self.folder / "data" / "postmaster.pid").read_text().split()[0]
        os.kill(int(first_line), signal.SIGKILL)

    def new_database(self) -> str:
        """Return the address of an empty database."""
        self._made += 1
        name = f"test{self._made}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://latbase@/{database}?host={self.folder}&port={PORT}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a PostgreSQL; skips the test where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    # Without its user the package is half installed: apt was cut short.
    if not found or "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    # Sockets have short names, so not under pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="latbase-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    made = Cluster(folder, found[-1].parent)
    try:
        made.run("initdb", "-A", "trust", "-U", "latbase", "--no-sync")
        made.start()
        yield made
        made.run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def empty(store: PostgresStore) -> None:
    """Remove every row, as if the store were new."""
    tables = [table.name for table in TABLES] + ["newest", "tally", "job", "token"]
    with store._database.transaction() as connection, store._lake.cursor() as cursor:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('latbase'), 1)")
        connection.execute(f"TRUNCATE {', '.join(tables)}".encode())
        connection.execute("UPDATE arrival SET last = 0, moved_to = NULL")
        for attempt in range(5):
            try:
                cursor.execute("DELETE FROM lake.measurement")
                break
            except duckdb.TransactionException:  # the mover's last commit came in between
                if attempt == 4:
                    raise
                time.sleep(0.1)

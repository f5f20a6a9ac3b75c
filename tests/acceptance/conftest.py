"""The command line as a user runs it: real processes, a real store, this host's own latencies."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUPERNET = "ofa_mbv3_d234_e346_k357_w1.0"
SMALL = ("--input-size", "64", "--preset", "quick")
"""Small images measured quickly: what is tested is the machinery, not the numbers."""


class Latbase:
    """Runs the command with a store and a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "latency.duckdb"
        self.state = folder / "state"
        self.environ = os.environ | {
            "LATBASE_STORE": str(self.store),
            "LATBASE_STATE_DIR": str(self.state),
            "XDG_CONFIG_HOME": str(folder),
        }

    def copied(self, folder: Path) -> "Latbase":
        """Return one with a copy of this store, to write to."""
        copy = Latbase(folder)
        shutil.copy(self.store, copy.store)
        return copy

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the command; its output is not read."""
        return subprocess.Popen(
            self.words(*args),
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *args: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command and check how it ended."""
        done = subprocess.run(
            self.words(*args), env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *args: str):
        """Run the command with ``--json`` and read its output."""
        return json.loads(self.run(*args, "--json").stdout)

    def query(self, sql: str):
        """Ask the store and return rows."""
        return self.json("query", sql)

    @staticmethod
    def words(*args: str) -> list[str]:
        """Return the command line of a process."""
        return [sys.executable, "-c", "from latbase.cli.main import run; run()", *args]


@pytest.fixture
def latbase(tmp_path):
    return Latbase(tmp_path)


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """A store that holds 16 measured sub-networks of one configuration; tests only read it."""
    latbase = Latbase(tmp_path_factory.mktemp("profiled"))
    latbase.run("profile", SUPERNET, "-n", "16", *SMALL)
    return latbase

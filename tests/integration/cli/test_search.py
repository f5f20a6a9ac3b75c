"""latbase search keeps what it was asked, and does what the commands that show it say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from latbase.cli.main import main
from tests.studied import SUPERNET

FREE = ("--objective", "top1", "--objective", "macs")
"""Objectives that nobody has to measure."""


class Command:
    """Runs latbase in this process on a store of its own."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(main, ["--store", str(self._store), *args])

    def json(self, *args: str) -> Any:
        done = self.run(*args, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def options(self) -> Any:
        """Return the options of the newest search."""
        (row,) = self.json("query", "SELECT options FROM search ORDER BY created_at DESC LIMIT 1")
        return json.loads(row["options"])


@pytest.fixture
def latbase(studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("LATBASE_STATE_DIR", str(tmp_path / "state"))
    return Command(Path(shutil.copy(studied, tmp_path / "latency.duckdb")))


def settings(prefix: str) -> list[str]:
    given = {"min-cluster-size": ["10"], "min-samples": ["3"], "threshold": ["2", "ks=30"]}
    return [
        word
        for name, values in given.items()
        for value in values
        for word in (f"--{prefix}{name}", value)
    ]


def test_a_search_uses_the_values_that_popdb_shows_and_says_how_it_chose_them(latbase):
    shown = latbase.json("popdb", "10", *settings(""))
    kept: dict[str, list[str]] = {}
    for row in shown:
        kept.setdefault(row["parameter"], []).extend([row["value"]] * row["kept"])
    asked = ("search", SUPERNET, *FREE, "--evaluations", "4", "--tactic", "random")
    done = latbase.run(*asked, "--popdb", "10", *settings("popdb-"))
    assert done.exit_code == 0, done.output
    assert "of 2.18e+19 sub-networks, by what search 10search evaluated." in done.stderr
    options = latbase.options()
    assert {name: [str(each) for each in some] for name, some in options["kept"].items()} == kept
    assert options["popdb"] == {
        "search": "10",
        "min_cluster_size": 10,
        "min_samples": 3,
        "threshold": {"*": 0.02, "ks": 0.3},
    }
    assert options["kept_from"] == "10search"


def test_a_threshold_that_names_nothing_or_has_nothing_to_reduce_by_is_refused(latbase):
    few = ("--min-cluster-size", "10")
    assert "no parameter 'k'" in str(
        latbase.run("popdb", "10", *few, "--threshold", "k=3").exception
    )
    refused = latbase.run("popdb", "10", "--threshold", "ks=130")
    assert "a percentage from 0 to 100" in refused.stderr
    refused = latbase.run("search", SUPERNET, *FREE, "--popdb-threshold", "3")
    assert "go with --popdb SEARCH" in refused.stderr

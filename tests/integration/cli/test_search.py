"""latbase search keeps what it was asked, and does what the commands that show it say."""

import json
import shutil
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from latbase import supernets
from latbase.cli.main import main
from latbase.db import Store, connect
from latbase.db.records import Measurement
from latbase.searcher import runner
from tests.studied import SUPERNET, latencies

FREE = ("--objective", "top1", "--objective", "macs")
"""Objectives that nobody has to measure."""


class Command:
    """Runs latbase in this process on a store of its own."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(main, ["--store", str(self.store), *args])

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


def test_a_search_of_a_small_space_ends_when_all_is_evaluated(latbase):
    few = ("--popdb-min-cluster-size", "10", "--popdb-min-samples", "3")
    done = latbase.run(
        *("search", SUPERNET, *FREE, "--evaluations", "60", "--tactic", "random"),
        *("--popdb", "10", *few, "--popdb-threshold", "100"),
    )
    assert done.exit_code == 0, done.output
    assert latbase.json("front", "latest")


def test_a_threshold_that_names_nothing_or_has_nothing_to_reduce_by_is_refused(latbase):
    few = ("--min-cluster-size", "10")
    assert "no parameter 'k'" in str(
        latbase.run("popdb", "10", *few, "--threshold", "k=3").exception
    )
    refused = latbase.run("popdb", "10", "--threshold", "ks=130")
    assert "a percentage from 0 to 100" in refused.stderr
    refused = latbase.run("search", SUPERNET, *FREE, "--popdb-threshold", "3")
    assert "go with --popdb SEARCH" in refused.stderr


@pytest.fixture
def away(latbase: Command) -> str:
    """Return the configuration of a machine that is not this one and that nobody reaches."""
    return str(latbase.json("configs")[0]["configuration_id"])


def predicting(place: str, *more: str) -> tuple[str, ...]:
    return ("search", SUPERNET, "--predict", "latency_ms", "--config", place, *more)


def test_what_is_predicted_is_not_measured_so_the_machine_may_be_away(latbase, away):
    jobs = latbase.json("query", "SELECT count(*) AS n FROM job")
    members = latbase.json(*predicting(away, "--evaluations", "30"))
    assert {member["sources"]["latency_ms"] for member in members} == {"predicted"}
    net = supernets.load(SUPERNET)
    true = latencies(net.space.from_configs([member["config"] for member in members]), 1)
    said = np.array([member["values"]["latency_ms"] for member in members])
    assert np.abs(said / true - 1.0).mean() < 0.02
    assert latbase.json("query", "SELECT count(*) AS n FROM job") == jobs
    options = latbase.options()
    assert options["predicted"] == ["latency_ms"]
    assert options["predictors"]["latency_ms"]["n_train"] == 240
    (search, *_) = latbase.json("searches")
    assert search["configuration_id"] == away


PATH = (
    "SELECT subnet_id, values FROM evaluation JOIN search USING (search_id) WHERE "
    "tactic = 'auto' ORDER BY position"
)
"""What the search evaluated."""


def interrupt(latbase: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    """Run a search that is interrupted once its next batch is stored."""
    append = runner.Recorder.append

    def killed(self, genotypes, values, evaluator):
        append(self, genotypes, values, evaluator)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runner.Recorder, "append", killed)
        assert latbase.run(*command).exit_code


def measurements(store: Store) -> list[Measurement]:
    rows = store.query("SELECT * FROM measurement ORDER BY measurement_id").to_pylist()
    fields = Measurement.__dataclass_fields__
    return [Measurement(**{name: row[name] for name in fields}) for row in rows]


def test_a_search_on_predictions_resumes_as_it_began_whatever_was_measured_since(
    latbase, away, tmp_path, monkeypatch
):
    command = predicting(away, "--evaluations", "40", "--tactic", "auto")
    untouched = Command(Path(shutil.copy(latbase.store, tmp_path / "whole.duckdb")))
    interrupt(latbase, monkeypatch, command)
    assert 0 < len(latbase.json("query", PATH)) < 40
    with connect(latbase.store) as store:
        now = datetime.now(UTC)
        store.write(
            [
                replace(one, measurement_id=str(uuid.uuid4()), value=900.0, measured_at=now)
                for one in measurements(store)[:100]
            ]
        )
    assert "Continuing the unfinished search" in latbase.run(*command).stderr
    assert untouched.run(*command).exit_code == 0
    assert latbase.json("query", PATH) == untouched.json("query", PATH)


def test_a_search_goes_on_when_older_values_reach_the_store_after_it_began(
    latbase, away, monkeypatch
):
    """As from a daemon that was cut off, while the search was."""
    command = predicting(away, "--evaluations", "40", "--tactic", "auto")
    for _ in range(2):
        interrupt(latbase, monkeypatch, command)
    begun = latbase.json("query", PATH)
    assert 0 < len(begun) < 40
    with connect(latbase.store) as store:
        old = measurements(store)
        late = max(one.measured_at for one in old) + timedelta(milliseconds=1)
        store.write(
            [
                replace(one, measurement_id=str(uuid.uuid4()), value=900.0, measured_at=late)
                for one in old[:100]
            ]
        )
    done = latbase.run(*command)
    assert "has received older values since" in done.stderr
    assert done.exit_code == 0
    assert latbase.json("query", PATH)[: len(begun)] == begun
    assert len(latbase.json("query", PATH)) == 40


def test_what_cannot_be_predicted_is_refused_with_what_to_do(latbase, away):
    def refused(*args: str) -> str:
        return str(latbase.run(*args).exception)

    here = refused("search", SUPERNET, "--predict", "latency_ms")
    assert "has latency_ms of 0 sub-networks" in here
    assert "latbase profile on its host, or latbase enqueue --config" in here
    assert "no objective of this search" in refused(*predicting(away, *FREE))
    assert "saves nothing" in refused("search", SUPERNET, *FREE, "--predict", "top1")
    assert len(latbase.json("searches")) == 4


OWN = """
from pathlib import Path

from torch import nn


class Layers:
    parameters = {"width": (4, 8, 12, 16), "depth": (1, 2, 3, 4), "kernel": (1, 3)}
    input_shape = (3, 8, 8)

    def build(self, config):
        return nn.Conv2d(3, config["width"], config["kernel"])

    def evaluate(self, config):
        with Path(__file__).with_name("calls").open("a") as calls:
            calls.write("x")
        return 60.0 + config["width"] + 2.0 * config["depth"] + 0.5 * config["kernel"]
"""


def test_what_would_be_validated_is_predicted_from_what_was(latbase, tmp_path):
    file, calls = tmp_path / "own.py", tmp_path / "calls"
    file.write_text(OWN)
    command = ("search", f"{file}:Layers", *FREE, "--tactic", "random", "--evaluations")
    early = latbase.run(*command, "5", "--predict", "top1")
    assert "has top1 of 0 sub-networks under these conditions" in str(early.exception)
    latbase.json(*command, "20")
    assert len(calls.read_text()) == 20
    members = latbase.json(*command, "24", "--predict", "top1")
    assert len(calls.read_text()) == 20
    assert {member["sources"]["top1"] for member in members} == {"predicted"}
    for member in members:
        config = member["config"]
        true = 60.0 + config["width"] + 2.0 * config["depth"] + 0.5 * config["kernel"]
        assert member["values"]["top1"] == pytest.approx(true, abs=0.5)


SEARCHED = """
    SELECT position, batch, on_front FROM evaluation JOIN search USING (search_id)
    WHERE tactic = '{}' ORDER BY position
"""


def test_the_population_is_what_is_evaluated_at_a_time(latbase):
    command = ("search", SUPERNET, *FREE, "--tactic", "full", "--evaluations", "20")
    latbase.json(*command, "--population", "7")
    rows = latbase.json("query", SEARCHED.format("full"))
    assert [row["batch"] for row in rows].count(0) == 7
    assert latbase.options()["population"] == 7


def test_predictors_first_leaves_half_for_what_it_predicts_and_refuses_to_leave_none(latbase):
    command = ("search", SUPERNET, *FREE, "--tactic", "predictors_first", "--evaluations", "30")
    latbase.json(*command)
    assert latbase.options()["training"] == 15
    rows = latbase.json("query", SEARCHED.format("predictors_first"))
    on_front = [row["on_front"] for row in rows]
    assert sum(on_front[15:]) > 2 * sum(on_front[:15])
    refused = latbase.run(*command, "--training", "30")
    assert "Training takes 30 of 30 evaluations" in str(refused.exception)

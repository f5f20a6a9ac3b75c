"""What scripts rely on: exit status, stdout that holds results alone, options that count."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latbase import supernets
from latbase.cli.failures import exit_with_status
from latbase.cli.main import main
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
from latbase.db.tokens import Role

TOY = """
import torch
from torch import nn

class Toy:
    parameters = {"width": (8, 16, 32), "depth": (1, 2, 3), "kernel": (1, 3)}
    input_shape = (3, 16, 16)

    def build(self, config):
        print("building")
        width = config["width"]
        layers = [nn.Conv2d(3, width, config["kernel"])]
        layers += [nn.Conv2d(width, width, 1) for _ in range(config["depth"])]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def evaluate(self, config):
        print("epoch 1")
        return 50 + config["width"] / 4 + 3 * config["depth"]

class Partly(Toy):
    cost = lambda self, config: (config["width"], config["depth"])

    def build(self, config):
        if tuple(config.values()) == (16, 2, 1):
            raise RuntimeError("no such network")
        return Toy.build(self, config)
"""
LARGE = "ofa_mbv3_d234_e346_k357_w1.0"

Run = Callable[..., "subprocess.CompletedProcess[str]"]
STORE = {"LATBASE_STORE": "lat.duckdb", "LATBASE_STATE_DIR": "state"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a supernet of the user's."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    for name, value in STORE.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Run:
    """Run latbase as a process of its own."""

    def command(*args: str, closed: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "latbase", *args]
        if closed:
            line = ["sh", "-c", f'exec "$@" {closed}', "sh", *line]
        return subprocess.run(
            line,
            cwd=folder,
            env=os.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return command


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001 - where it is done
    """Do in this process what a process of its own would do, in less time."""

    def command(*args: str) -> "subprocess.CompletedProcess[str]":
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            exit_with_status(lambda: main(args, standalone_mode=False, prog_name="latbase"))
        said = capsys.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        return subprocess.CompletedProcess(args, status, said.out, said.err)

    return command


def searched(run: Run, *args: str) -> "subprocess.CompletedProcess[str]":
    done = run("search", *args, "--tactic", "random", "--json")
    assert done.returncode == 0, done.stderr
    return done


def test_macs_are_counted_at_the_size_that_is_asked_for(run: Run) -> None:
    args = ("--objective", "macs", "--objective", "params", "--evaluations", "3")
    (small, *_) = json.loads(searched(run, LARGE, *args, "--input-size", "128").stdout)
    (usual, *_) = json.loads(searched(run, LARGE, *args).stdout)
    network = supernets.load(LARGE)
    assert small["values"]["macs"] == network.cost(small["config"], 128).macs
    assert usual["values"]["macs"] == network.cost(usual["config"]).macs > small["values"]["macs"]


def test_that_top1_is_of_another_size_is_said(run: Run) -> None:
    args = (LARGE, "--objective", "top1", "--objective", "macs", "--evaluations", "3")
    assert "top1 is that of 224 px" in searched(run, *args, "--input-size", "128").stderr
    assert "px" not in searched(run, *args).stderr


def test_what_a_users_code_prints_is_not_among_the_results(start: Run) -> None:
    args = ("toy.py:Toy", "--objective", "top1", "--objective", "macs", "--evaluations", "4")
    done = searched(start, *args)
    assert json.loads(done.stdout)
    assert "epoch 1" in done.stderr


def test_a_profile_with_failures_has_the_status_of_a_failed_measurement(start: Run) -> None:
    done = start("profile", "toy.py:Partly", "-n", "18", "--preset", "quick", "--json")
    (row,) = json.loads(done.stdout)
    assert row["failed"] == 1
    assert row["measured"] == 17
    assert done.returncode == 4


def test_options_that_a_named_configuration_decides_are_refused(run: Run) -> None:
    done = run("search", LARGE, "--config", "3f2a", "--threads", "2", "--precision", "bf16")
    assert done.returncode == 2
    assert "leave out --threads, --precision" in done.stderr


def test_images_without_top1_are_refused(run: Run) -> None:
    done = run("search", LARGE, "--images", ".", "--objective", "macs", "--objective", "params")
    assert done.returncode == 2
    assert "top1, which is no objective" in done.stderr


def test_images_on_a_device_that_is_not_there_are_refused(run: Run, tmp_path: Path) -> None:
    args = ("--objective", "top1", "--objective", "macs", "--evaluations", "2", "--json")
    searched(run, "toy.py:Toy", "--objective", "macs", "--evaluations", "2")
    (tmp_path / "images" / "cat").mkdir(parents=True)
    done = run("search", "toy.py:Toy", "--images", "images", "--device", "cuda:7", *args)
    assert done.returncode == 4
    assert "cuda:7" in done.stderr


def test_cancelling_takes_no_options_of_listing(run: Run) -> None:
    run("configs")
    for before in (["--status", "failed"], ["--json"], ["--max-rows", "3"]):
        done = run("jobs", *before, "cancel", "--all")
        assert done.returncode == 2
        assert "options of jobs do not go with cancel" in done.stderr
    assert "0 jobs cancelled" in run("jobs", "cancel", "--all").stdout


@pytest.mark.parametrize("args", [("jobs", "--max-rows"), ("enqueue", LARGE, "--priority")])
def test_numbers_beyond_the_stores_are_refused(run: Run, args: tuple[str, ...]) -> None:
    done = run(*args, str(10**22))
    assert done.returncode == 2
    assert "is not in the range" in done.stderr


def test_a_search_of_a_users_file_is_shown_by_naming_the_file(run: Run, tmp_path: Path) -> None:
    args = ("--objective", "top1", "--objective", "macs", "--evaluations", "12")
    searched(run, "toy.py:Toy", *args)
    named = ("--supernet", "toy.py:Toy")
    for command in (
        ("report", "latest", "-o", "report.html"),
        ("popdb", "latest", "--min-cluster-size", "3", "--min-samples", "1"),
        ("plot", "parameters", "latest", "-o", "parameters.png"),
        ("plot", "popdb", "latest", "-o", "popdb.png", "--min-cluster-size", "3"),
        ("plot", "clusters", "latest", "-o", "clusters.png", "--min-cluster-size", "3"),
    ):
        done = run(*command, *named)
        assert done.returncode == 0, done.stderr
        wrong = run(*command, "--supernet", LARGE)
        assert wrong.returncode != 0
        assert "is not of" in wrong.stderr
    drawn = ("plot", "predictor", LARGE, "--search", "latest", "--metric", "macs", "-o", "p.png")
    assert f"is not of {LARGE}" in run(*drawn).stderr
    assert (tmp_path / "report.html").stat().st_size > 1000


def test_a_front_beside_itself_is_drawn(run: Run) -> None:
    searched(run, "toy.py:Toy", "--objective", "top1", "--objective", "macs", "--evaluations", "4")
    done = run("plot", "fronts", "latest", "latest", "-o", "fronts.png")
    assert done.returncode == 0, done.stderr


def test_closed_streams_and_narrow_encodings_are_no_defects(run: Run, start: Run) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = start("supernets", closed=closed)
        assert done.returncode == 0, done.stderr + done.stdout
    searched(run, "toy.py:Toy", "--objective", "macs", "--evaluations", "2")
    narrow = start("query", "SELECT 'τ' AS name", PYTHONIOENCODING="ascii")
    assert narrow.returncode == 0, narrow.stderr
    assert "?" in narrow.stdout


def test_pages_are_written_whatever_the_locale(run: Run, start: Run, tmp_path: Path) -> None:
    args = ("--objective", "top1", "--objective", "macs", "--evaluations", "4")
    searched(run, "toy.py:Toy", *args)
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = start("front", "latest", "--html", "front.html", **old)
    assert done.returncode == 0, done.stderr
    (tmp_path / "front.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path) -> None:
    code = (
        "import os, sys, latbase.cli.store; from latbase.cli.main import run\n"
        "sys.argv = ['latbase', 'configs']; os.setuid(54321); run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "set HOME" in done.stderr


def test_a_daemon_tells_a_database_from_a_file(run: Run, tmp_path: Path) -> None:
    done = run(
        "daemon", "refresh", "--keep-fresh", f"{LARGE}:5", "--store", "postgresql://127.0.0.1:1/x"
    )
    assert done.returncode == 3, done.stderr
    assert not list(tmp_path.glob("postgresql*"))


def test_what_was_taken_in_is_one_document(run: Run, tmp_path: Path) -> None:
    searched(run, "toy.py:Toy", "--objective", "macs", "--evaluations", "2")
    for name in ("one", "two"):
        assert run("export", name, "--json").returncode == 0
    other = ("--store", "other.duckdb")
    done = run(*other, "import", "one", "two", "--json")
    assert done.returncode == 0, done.stderr
    (searches,) = [row for row in json.loads(done.stdout) if row["table"] == "search"]
    assert searches["rows"] == 2
    (tmp_path / "table.csv").write_text("width,depth,kernel,ms\n8,1,1,0.5\n16,2,3,0.9\n")
    columns = [f"--column={name}={name}" for name in ("width", "depth", "kernel")]
    table = ("--format", "csv", "--supernet", "toy.py:Toy", "--device-name", "phone")
    args = ("import", "table.csv", *table, "--latency", "ms", *columns)
    done = run(*other, *args, "--json")
    assert {"table": "measurement", "rows": 2} in json.loads(done.stdout)
    for wrong in ("0", "-1", "nan"):
        assert run(*other, *args, "--unit-ms", wrong).returncode == 2
    done = run(*other, "import", "one", "--supernet", "nonsense")
    assert done.returncode == 2
    assert "--supernet go with --format dynast, csv or parquet" in done.stderr


def test_a_store_behind_a_token_is_merged(run: Run, tmp_path: Path) -> None:
    with DuckDbStore(tmp_path / "source.duckdb") as owned:
        secret = owned.tokens.create("prod", Role.OPERATOR).bearer
        (tmp_path / "token").write_text(secret)
        (tmp_path / "token").chmod(0o600)
        with Service(owned) as service:
            done = run("--token-file", "token", "merge", service.url, "--json")
            assert done.returncode == 0, done.stderr
            assert run("merge", service.url).returncode == 3

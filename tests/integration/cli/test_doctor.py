"""The self-test of ``latbase doctor``, for real but small."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from latbase.cli.main import main

NETWORK = """
import torch

class Wide:
    parameters = {"width": (4, 16, 64)}
    input_shape = (3, 16, 16)

    def build(self, config):
        torch.manual_seed(0)
        return torch.nn.Conv2d(3, config["width"], 3)
"""


def test_the_self_test_says_how_measurements_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("latbase.profiler.locks.lock_directory", lambda: tmp_path)
    monkeypatch.setenv("LATBASE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "wide.py").write_text(NETWORK)
    done = CliRunner().invoke(
        main, ["doctor", "--self-test", f"{tmp_path / 'wide.py'}:Wide", "-n", "3", "--json"]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    test = found["self_test"]
    assert -1 <= test["kendall_tau"] <= 1
    assert test["interval_percent"] > 0
    assert sum(test["verdicts"].values()) == 6
    assert test["scheduling"]
    assert all(set(each) == {"finding", "change", "gain"} for each in found["advice"])
    assert not list((tmp_path / "state").glob("self-test-*"))


def test_a_supernet_that_does_not_exist_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATBASE_STATE_DIR", str(tmp_path))
    done = CliRunner().invoke(main, ["doctor", "--self-test", "no_such_net"])
    assert "There is no supernet no_such_net" in str(done.exception)

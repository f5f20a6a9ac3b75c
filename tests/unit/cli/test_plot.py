"""Every figure can be drawn from a store alone."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latbase.cli.main import main
from latbase.cli.plot import plot
from tests.studied import SUPERNET

FIGURES = {
    "progression": ["latest", "--normalised"],
    "fronts": ["10", "80", "--normalised"],
    "hypervolume": ["10", "11", "80", "81"],
    "ranking": [SUPERNET],
    "parameters": ["latest"],
    "popdb": ["latest", "--min-cluster-size", "5", "--min-samples", "2"],
    "clusters": ["latest", "--min-cluster-size", "5", "--min-samples", "2"],
    "predictor": [SUPERNET],
}


def run(studied: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["--store", str(studied), *args])


def configuration(studied: Path) -> str:
    done = run(studied, "configs", "--json")
    return str(json.loads(done.stdout)[0]["configuration_id"])


def test_every_figure_is_tried_here():
    assert set(FIGURES) == set(plot.commands)


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_is_drawn_where_asked(studied, tmp_path, kind):
    target = tmp_path / "figure.svg"
    place = ["--config", configuration(studied)] if kind == "predictor" else []
    done = run(studied, "plot", kind, *FIGURES[kind], *place, "-o", str(target))
    assert done.exit_code == 0, done.output
    assert "<svg" in target.read_text()[:500]
    assert str(target) in done.stderr


def test_accuracy_that_a_search_evaluated_has_a_learning_curve_too(studied, tmp_path):
    target = tmp_path / "top1.svg"
    asked = ("plot", "predictor", SUPERNET, "--metric", "top1", "-o", str(target))
    done = run(studied, *asked, "--search", "10")
    assert done.exit_code == 0, done.output
    assert target.exists()
    assert "choose one of" in run(studied, *asked).output


def test_a_learning_curve_says_how_it_was_made_and_may_be_made_shorter(studied, tmp_path):
    place = ["--config", configuration(studied), "-o", str(tmp_path / "figure.svg")]
    asked = ["plot", "predictor", SUPERNET, *place, "--training", "20,50", "--trials", "3"]
    done = run(studied, *asked, "--test", "40")
    assert "3 trials, tested on the same 40 of 240 sub-networks" in done.stdout
    assert "7/7" in done.stderr
    rows = json.loads(run(studied, *asked, "--json").stdout)
    shape = [(row["training_size"], row["test_size"], row["trials"]) for row in rows]
    assert shape == [(20, 80, 3), (50, 80, 3)]
    assert "too large" in str(run(studied, *asked[:-4], "--training", "230").exception)


def test_costs_come_as_json(studied, tmp_path):
    target = tmp_path / "fronts.png"
    done = run(studied, "plot", "fronts", "10", "80", "-o", str(target), "--json")
    assert [row["used_on"] for row in json.loads(done.stdout)] == ["10search", "80search"]
    assert target.read_bytes()[:4] == b"\x89PNG"


NUMBERS = {
    "hypervolume": {"searches", "seeds", "evaluations", "mean_percent", "deviation_percent"},
    "ranking": {"supernet", "configuration_id", "n", "tau", "mape_percent"},
    "parameters": {"parameter", "shares"},
    "popdb": {"parameter", "shares"},
    "clusters": {"cluster", "subnets"},
    "predictor": {
        "training_size",
        "test_size",
        "trials",
        "mape_percent",
        "mape_deviation",
        "tau",
        "tau_deviation",
    },
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_what_a_figure_shows_comes_as_numbers_too(studied, tmp_path, kind):
    place = ["--config", configuration(studied)] if kind == "predictor" else []
    asked = ("plot", kind, *FIGURES[kind], *place, "-o", str(tmp_path / "figure.svg"))
    rows = json.loads(run(studied, *asked, "--json").stdout)
    assert all(set(row) == NUMBERS[kind] for row in rows)
    if kind in {"parameters", "popdb"}:
        shares = [sum(row["shares"].values()) for row in rows]  # 0: nowhere active
        assert all(min(share, abs(share - 1)) < 0.01 for share in shares)
        assert any(shares)
    else:
        assert len(rows) > 1
    table = run(studied, *asked)
    assert table.exit_code == 0
    assert all(name in table.stdout for name in NUMBERS[kind])


def test_a_suffix_that_cannot_be_drawn_is_an_error(studied, tmp_path):
    done = run(studied, "plot", "progression", "latest", "-o", str(tmp_path / "figure.docx"))
    assert "cannot be written" in str(done.exception)

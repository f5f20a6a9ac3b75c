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


def test_costs_come_as_json(studied, tmp_path):
    target = tmp_path / "fronts.png"
    done = run(studied, "plot", "fronts", "10", "80", "-o", str(target), "--json")
    assert [row["used_on"] for row in json.loads(done.stdout)] == ["10search", "80search"]
    assert target.read_bytes()[:4] == b"\x89PNG"


def test_a_suffix_that_cannot_be_drawn_is_an_error(studied, tmp_path):
    done = run(studied, "plot", "progression", "latest", "-o", str(tmp_path / "figure.docx"))
    assert "cannot be written" in str(done.exception)

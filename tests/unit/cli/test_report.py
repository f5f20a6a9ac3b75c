"""A report holds every figure, and refers to nothing outside itself."""

import re

import pytest
from click.testing import CliRunner

from latbase.cli.main import main

HEADINGS = (
    "Front",
    "Progression",
    "Hypervolume",
    "Values on the front",
    "Values in dense regions (PopDB)",
    "Dense regions",
    "Predictor of latency_ms",
    "Recipe",
)


@pytest.mark.parametrize("flags", [[], ["--normalised"]])
def test_a_report_is_one_page_that_needs_nothing_else(studied, tmp_path, flags):
    target = tmp_path / "report.html"
    done = CliRunner().invoke(
        main, ["--store", str(studied), "report", "10", "-o", str(target), *flags]
    )
    assert done.exit_code == 0, done.output
    page = target.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == list(HEADINGS)
    assert page.count("<img ") >= 4
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=.https?:", page)
    assert ("latency_normalised" in page) == bool(flags)

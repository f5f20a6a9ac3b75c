"""Generated pages are fresh, and the answers beside the store's example questions are true."""

import csv
import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

import pytest

from latbase.db import connect

DOCS = Path(__file__).parents[2] / "docs"
QUESTION = re.compile(r"```sql\n(?P<sql>.*?)```\n\n```text\n(?P<answer>.*?)```", re.DOTALL)


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "api.md", "store.md"])
def test_a_generated_page_is_fresh(page):
    fresh = _reference().PAGES[page]()
    assert (DOCS / page).read_text() == fresh, "run python docs/reference.py"


def test_the_store_page_answers_its_questions(studied):
    asked = list(QUESTION.finditer((DOCS / "store.md").read_text()))
    assert len(asked) >= 6
    with connect(studied, read_only=True) as store:
        for question in asked:
            table = store.query(question["sql"])
            said = io.StringIO()
            writer = csv.writer(said, lineterminator="\n")
            writer.writerow(table.column_names)
            writer.writerows(row.values() for row in table.to_pylist())
            assert said.getvalue() == question["answer"], question["sql"]

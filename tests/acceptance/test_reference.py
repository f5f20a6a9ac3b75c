"""Generated pages are fresh, and the answers beside the store's example questions are true."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latbase.db import connect

DOCS = Path(__file__).parents[2] / "docs"
QUESTION = re.compile(r"```sql\n(?P<sql>.*?)```\n\n```text\n(?P<answer>.*?)```", re.DOTALL)


GENERATE = "import runpy, sys; print(runpy.run_path(sys.argv[1])['PAGES'][sys.argv[2]](), end='')"


@pytest.mark.parametrize("page", ["cli.md", "api.md", "store.md"])
def test_a_generated_page_is_fresh(page):
    # In a process of its own: click remembers the help option a command was first invoked with.
    command = [sys.executable, "-c", GENERATE, str(DOCS / "reference.py"), page]
    fresh = subprocess.run(command, capture_output=True, text=True, check=True).stdout
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

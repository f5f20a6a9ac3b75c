"""The tutorial docs/own-supernet.md, executed: its files written, its commands run."""

import itertools
import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "own-supernet.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [found["text"] for found in BLOCK.finditer(PAGE.read_text()) if found[1] == language]


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(latbase, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in blocks("python") + blocks("csv"):
        title, _, content = text.partition("\n")
        (tmp_path / title.removeprefix("# ")).write_text(content)
    sessions = [
        re.split(r"^\$ latbase ", text, flags=re.MULTILINE)[1:] for text in blocks("console")
    ]
    assert sum(map(len, sessions)) == 5
    for command, *expected in (session.splitlines() for session in itertools.chain(*sessions)):
        shown = " ".join(latbase.run(*shlex.split(command)).stdout.split())
        for line in expected:
            assert " ".join(line.split()) in shown, command

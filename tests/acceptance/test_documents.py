"""Every command and every Python block of the README and the pages runs as it is written.

Only sizes shrink: fewer sub-networks, smaller images and the quick preset, as SMALLER says.
"""

import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.conftest import SMALL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SMALLER = {"100": "4", "1,2": "1", "1,8": "1,2"}
MEASURING = {"profile", "search"}
SHELL_PAGES = ("README.md",)
PYTHON_PAGES = ("README.md",)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return [found["text"] for found in BLOCK.finditer(text) if found["language"] == language]


def commands(page: str) -> list[list[str]]:
    """Return the ``$ latbase`` lines of a page, split into words without their remarks."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("$ latbase ")]


def test_shell_pages_have_commands():
    assert [page for page in SHELL_PAGES if not commands(page)] == []
    assert [page for page in PYTHON_PAGES if not blocks(page, "python")] == []


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_commands_run(latbase, tmp_path, monkeypatch, page):
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        smaller = [SMALLER.get(word, word) for word in words]
        latbase.run(*smaller, *(SMALL if words[0] in MEASURING else ()))


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for text in blocks(page, "python"):
        exec(compile(text, page, "exec"), {})
    assert capsys.readouterr().out


def test_quickstart_ends_with_the_table_the_files_and_what_to_try(latbase, tmp_path):
    out = tmp_path / "demo"
    shown = latbase.run("quickstart", "-n", "15", "--evaluations", "8", "--out", str(out)).stdout
    assert re.search(r"sub-network \w+ takes [\d.]+ ms, the largest [\d.]+ ms", shown)
    assert "top1 (predicted)" in shown
    assert "latency_ms (measured)" in shown
    assert (out / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (out / "front.html").read_text()
    (tried,) = [line for line in shown.splitlines() if " query " in line]
    words = shlex.split(tried.strip())
    assert latbase.run(*words[1:]).stdout

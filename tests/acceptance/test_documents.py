"""Every command and every Python block of the README and the pages runs as it is written.

Only sizes shrink: fewer sub-networks, smaller images and the quick preset, as SMALLER says.
"""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from latbase.cli.main import main
from tests.acceptance.conftest import SMALL, SUPERNET

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
    """Return the ``$ latbase`` lines of a page as words, without remarks and redirections."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    words = [
        shlex.split(line, comments=True)[2:] for line in lines if line.startswith("$ latbase ")
    ]
    return [each[: each.index(">")] if ">" in each else each for each in words]


def parse(words: list[str]) -> None:
    """Check that a command exists and takes these options; nothing runs."""
    command: click.Command = main
    ctx = click.Context(main, help_option_names=main.context_settings["help_option_names"])
    while isinstance(command, click.Group):
        found = command.get_command(ctx, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context("", words, parent=ctx)


def test_shell_pages_have_commands():
    assert [page for page in SHELL_PAGES if not commands(page)] == []
    assert [page for page in PYTHON_PAGES if not blocks(page, "python")] == []


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_commands_run(latbase, tmp_path, monkeypatch, page):
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        smaller = [SMALLER.get(word, word) for word in words]
        latbase.run(*smaller, *(SMALL if words[0] in MEASURING else ()))


def test_commands_of_a_fleet_run_or_parse(latbase, tmp_path, monkeypatch):
    """Those that never end are run by test_fleet.py; here they only have to exist."""
    monkeypatch.chdir(tmp_path)
    for name in ("cert.pem", "key.pem", "gpu-box.token"):
        (tmp_path / name).write_text(name)
    latbase.run("profile", SUPERNET, "-n", "2", *SMALL)
    (configuration,) = latbase.json("configs")
    shutil.copy(latbase.store, tmp_path / "other.duckdb")
    for words in commands("docs/fleet.md"):
        if words[0] in {"daemon", "serve"} or "--config" in words:
            parse(words)
        else:
            latbase.run(*words)
    assert latbase.json("configs") == [configuration]


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

"""Every command and every Python block of the README and the pages runs as it is written.

Only sizes shrink: fewer sub-networks, smaller images and the quick preset, as SMALLER and SMALL
say. A command that ends with ``&`` runs beside those that follow. Blocks marked ``console long``
take minutes: they have to exist and take the options they are shown with.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from latbase import searcher, supernets
from latbase.cli.main import main
from tests.acceptance.conftest import SMALL, SUPERNET, Latbase

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<kind>[\w ]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_HERE = {"console", "console long", "python"}
OTHERS = {"sql", "text", "json", "csv", "toml"}
"""Kinds of blocks that hold no command; test_reference.py asks the SQL and checks the answers."""

ELSEWHERE = {
    "docs/cli.md": "generated; test_reference.py",
    "docs/api.md": "generated; test_reference.py",
    "docs/own-supernet.md": "test_own_supernet.py",
    "docs/translation.md": "minutes of BLEU; test_translation.py searches with fewer sub-networks",
}
PAGES = sorted(
    {"README.md", "CONTRIBUTING.md"}
    | {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} - {*ELSEWHERE}
)
SMALLER = {"50": "15", "100": "4", "200": "4", "1,2": "1", "1,8": "1,2"}
SMALLEST = {
    "profile": SMALL,
    "search": SMALL,
    "doctor": ("-n", "2", "--input-size", "64"),
    "run": ("--preset", "quick"),
    "hat_iwslt14_de_en": ("--input-size", "3"),
}
"""Options that make a command fast, by its name or by that of its supernet."""

NOT_HERE = {"serve", "run", "install", "migrate", "--store"}
"""Words of commands that never end or need other machines, a systemd or a PostgreSQL: parsed here.

test_fleet.py, test_moving.py and the tests of the daemon run them.
"""
CHECKPOINTS = "docs/transformer.md"
"""Its Python loads weights of gigabytes; test_hat.py loads a checkpoint of the same keys."""

HERE = "3f2a"
"""The configuration of the pages; it stands for the first one of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line after a prompt.

    Attributes:
        words: without remarks and redirections.
        beside: it goes on while the next ones run.
        shown: the first line of its output on the page, if any.
    """

    words: list[str]
    beside: bool
    shown: str


def blocks(page: str, *kinds: str) -> list[str]:
    found = BLOCK.finditer((ROOT / page).read_text())
    return [block["text"] for block in found if block["kind"] in kinds]


def commands(page: str, kind: str = "console") -> Iterator[Command]:
    for text in blocks(page, kind):
        for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, *shown = session.splitlines()
            words = shlex.split(line, comments=True)
            yield Command(
                words=words[: words.index(">")] if ">" in words else words,
                beside=words[-1] == "&",
                shown=shown[0] if shown else "",
            )


def parse(words: list[str]) -> None:
    """Check that a command exists and takes these options; nothing runs."""
    command: click.Command = main
    ctx = click.Context(main, help_option_names=main.context_settings["help_option_names"])
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(ctx, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    if words:
        command.make_context("", words, parent=ctx)


def smaller(latbase: Latbase, words: list[str]) -> list[str]:
    """Return what does the same in less time, on a configuration that is there."""
    if HERE in words:
        (first, *_) = latbase.json("configs")
        words = [first["configuration_id"] if word == HERE else word for word in words]
    less = [option for key, options in SMALLEST.items() if key in words for option in options]
    return [*(SMALLER.get(word, word) for word in words), *less]


def carry_out(latbase: Latbase, command: Command, running: ExitStack) -> None:
    program, *words = command.words
    if command.beside:
        process = latbase.start(*smaller(latbase, words[:-1]))
        running.callback(process.wait, 60)
        running.callback(process.terminate)
    elif program == "latbase" and not NOT_HERE & {*words}:
        said = latbase.run(*smaller(latbase, words)).stdout
        assert " ".join(command.shown.split()) in " ".join(said.split()), words
    elif program == "latbase":
        parse(words)
    else:
        assert program in {"make", "export"}, command  # CI runs make; the fixture sets the store


def check_script(words: list[str]) -> None:
    """Check that a script or command exists and takes these options; nothing is measured."""
    if words[0] == "latbase":
        parse(words[1:])
        return
    asked = [sys.executable, str(ROOT / words[1]), *words[2:], "--help"]
    subprocess.run(asked, check=True, capture_output=True)


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_sentences_exist(page):
    text = BLOCK.sub("", (ROOT / page).read_text())
    for command in re.findall(r"`latbase ([^`…]+)`", text):
        try:
            parse(shlex.split(command))
        except click.MissingParameter:
            continue  # a sentence may leave out what the command is given


def test_no_command_hides_in_a_block_that_nobody_runs():
    for page in PAGES:
        kinds = {found["kind"] for found in BLOCK.finditer((ROOT / page).read_text())}
        assert kinds <= RUN_HERE | OTHERS, page
        for text in blocks(page, *OTHERS):
            assert not re.search(r"^(\$ |latbase |python )", text, re.MULTILINE), page


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand where the reader of a page does, with what the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    for name in ("cert.pem", "key.pem", "gpu-box.token", "host.token"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def used(latbase, folder):
    """A store with something in it, for pages about keeping it."""
    latbase.run("profile", SUPERNET, "-n", "2", *SMALL)
    shutil.copy(latbase.store, folder / "other.duckdb")
    return latbase


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")])
def test_commands_run(request, latbase, page):
    if page in {"docs/fleet.md", "docs/operations.md"}:
        request.getfixturevalue("used")
    with ExitStack() as running:
        for command in commands(page):
            carry_out(latbase, command, running)
    run_python(page)


@pytest.mark.parametrize("page", PAGES)
def test_long_commands_exist(page):
    for command in commands(page, "console long"):
        check_script(command.words)


def test_the_python_of_a_page_without_commands_runs():
    run_python("docs/searching.md")


def run_python(page: str) -> None:
    given = assumed() if page == "docs/searching.md" else {}
    for text in blocks(page, "python"):
        code = compile(text, page, "exec")
        if page != CHECKPOINTS:
            exec(code, given)


def assumed() -> dict[str, Any]:
    """Return what the page on searching takes for granted: a loop of the reader's own."""
    net = supernets.load(SUPERNET)
    g = net.space.sample(30, 0)

    def evaluate(batch: np.ndarray) -> np.ndarray:
        return np.column_stack([net.predicted_top1(batch), net.costs(batch)[:, 0]])

    v = net.predicted_top1(g)
    predictor = searcher.fit_predictor(net.space.features(g), v, "ridge")
    return {"net": net, "g": g, "v": v, "evaluate": evaluate, "predictor": predictor}


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

"""Every command and every Python block of the README and the pages runs as it is written.

Only sizes and places differ: fewer sub-networks, smaller images and the quick preset, as SMALLER
and SMALLEST say; REDUCED for what takes minutes; addresses of other machines become this one's. A
command that ends with ``&``, and one that never ends, runs beside those that follow. NOT_RUN names
the few that cannot run here, why, and what tests them instead; those still have to exist and take
the options they are shown with.
"""

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from latbase import searcher, supernets
from latbase.cli.main import main
from latbase.db import endpoint
from tests.acceptance.conftest import SMALL, SUPERNET, Latbase
from tests.integration.certificates import self_signed
from tests.integration.db.cluster import Cluster, cluster

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)
RUN_HERE = {"console", "console long", "python"}
OTHERS = {"sql", "text", "json", "csv", "toml"}
"""Kinds of blocks that hold no command; test_reference.py asks the SQL and checks the answers."""

ELSEWHERE = {
    "docs/cli.md": "generated; test_reference.py",
    "docs/api.md": "generated; test_reference.py",
    "docs/own-supernet.md": "test_own_supernet.py",
    "docs/translation.md": "minutes of BLEU; test_translation.py searches with fewer sub-networks",
}
FOUND = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
PAGES = sorted({*FOUND} - {*ELSEWHERE})
SMALLER = {"50": "15", "100": "4", "200": "4", "1,2": "1", "1,8": "1,2"}
SMALLEST = {
    "profile": SMALL,
    "search": SMALL,
    "doctor": ("-n", "2", "--input-size", "64"),
    "run": ("--preset", "quick"),
    "hat_iwslt14_de_en": ("--input-size", "3"),
}
"""Options that make a command fast, by its name or by that of its supernet."""

FASHION = "examples/fashion_mnist/supernet.py:Fashion"
IMAGES = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package of them puts the images of the example."""

EMPTY = "EMPTY"
"""Stands for the address of a database that nobody used."""

REDUCED = {
    "python bench/search.py --seeds 5": (
        "python bench/search.py --seeds 1 --evaluations 20 --devices v100_1_ms --tactics random "
        "--generations 5 --picture search.png"
    ),
    "python bench/measuring.py --minutes 20": (
        "python bench/measuring.py --minutes 0.01 --subnets 2"
    ),
    "python bench/inner.py": "python bench/inner.py --rounds 1 --populations 100",
    "python bench/jobs.py": "python bench/jobs.py --jobs 64",
    "python bench/idle.py": "python bench/idle.py --seconds 1 --settle 1",
    "python bench/fleet.py --postgres postgresql://latbase@db.example/empty --rows 200000 "
    "--seconds 4": "python bench/fleet.py --postgres EMPTY --rows 2000 --seconds 0.2",
    "python bench/hosts.py --postgres postgresql://latbase@db.example/empty --hosts 500": (
        "python bench/hosts.py --postgres EMPTY --hosts 200 --seconds 3"
    ),
    "python bench/measuring.py --predict hat_iwslt14_de_en --protocol quick": (
        f"python bench/measuring.py --predict {SUPERNET} --protocol quick --trained 8"
    ),
    "python bench/ablation.py --seeds 5": (
        "python bench/ablation.py --seeds 1 --evaluations 20 --generations 5 --parts 'no exploring'"
    ),
    f"latbase search {FASHION} --objective top1 --objective latency_ms --preset quick": (
        f"latbase search {FASHION} --objective top1 --objective latency_ms --preset quick "
        "--evaluations 2"
    ),
    "python bench/predictors.py transfer --trials 10": (
        "python bench/predictors.py transfer --trials 1"
    ),
    f"latbase search {SUPERNET} --evaluations 20 --preset quick --input-size 128": (
        "latbase search ofa_mbv3_d234_e346_k357_w1.0 --evaluations 4 --preset quick --input-size 64"
    ),
}
"""What takes minutes as it is written, and what runs in its place."""

SYSTEMD = "needs a systemd; test_daemon.py reads the unit it writes"
IMAGENET = "needs ImageNet and a download; test_images.py, test_export_network.py have their own"
MINUTES = "minutes to an hour of training or validation"
NOT_RUN = {
    "make demo": "sets up again; the test of quickstart below runs what it runs",
    "make test": "this is it",
    "make format": "changes the files that are tested; CI checks that it would change nothing",
    "latbase daemon install --store https://lab:8750 --token-file gpu-box.token": SYSTEMD,
    "latbase search ofa_mbv3_d234_e346_k357_w1.0 --weights pretrained --images /data/imagenet "
    "--image-limit 5000": IMAGENET,
    "latbase export-network latest --pick fastest-within 1% --weights pretrained --images "
    "/data/imagenet -o my-network": IMAGENET,
    "latbase export-network latest --id 59a4 --supernet digits.py:Digits -o digits-network": (
        "names a sub-network of a search elsewhere; test_export_network.py exports one of a class"
    ),
    "python examples/fashion_mnist/train.py": MINUTES,
    "python examples/fashion_mnist/nat.py": f"{MINUTES}; test_fashion_mnist.py runs its loop",
    "python bench/pipeline.py": MINUTES,
    "python bench/peer.py --package peer --seeds 5": "needs dynast==1.6.0 and pandas 2 beside it",
}
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
        file: where its output goes; None if to the screen.
        shown: its output on the page, line by line.
    """

    words: list[str]
    beside: bool
    file: str | None
    shown: list[str]

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)


def blocks(page: str, *kinds: str) -> list[str]:
    found = BLOCK.finditer((ROOT / page).read_text())
    return [block["text"] for block in found if block["kind"] in kinds]


def commands(page: str, *kinds: str) -> Iterator[Command]:
    for text in blocks(page, *(kinds or ("console",))):
        for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, *shown = session.splitlines()
            words = shlex.split(line, comments=True)
            beside = words[-1] == "&" or "serve" in words or words[1:3] == ["daemon", "run"]
            words = [word for word in words if word != "&"]
            file = words[-1] if ">" in words else None
            yield Command(
                words=words[:-2] if file else words, beside=beside, file=file, shown=shown
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the reader of a page sits.

    Attributes:
        running: ends what runs beside.
        elsewhere: scripts that run for another page.
        postgres: gives the address of the database that stands for one of the page.
    """

    latbase: Latbase
    folder: Path
    running: ExitStack
    elsewhere: frozenset[str]
    postgres: Callable[[str], str]

    def carry_out(self, command: Command) -> None:
        """Run a command and compare its output with the page's."""
        if command.text in NOT_RUN:
            return check_script(command.words)
        reduced = REDUCED.get(command.text)
        program, *words = map(self._here, shlex.split(reduced) if reduced else command.words)
        if program == "export":
            name, _, value = words[0].partition("=")
            self.latbase.environ[name] = value
            return None
        if program == "python" and command.text in self.elsewhere:
            return None
        if program == "python":
            words[0] = str(ROOT / words[0])
            command_line = [sys.executable, *words]
            done = subprocess.run(command_line, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return None
        assert program == "latbase", command
        words = words if reduced else self._smaller(words)
        if command.beside:
            return self._start_beside(words)
        said = self.latbase.run(*words).stdout
        if command.file:
            (self.folder / command.file).write_text(said)
        assert_alike(said, command.shown)
        return None

    def _start_beside(self, words: list[str]) -> None:
        if words[0] == "serve":
            words += ["--port", "0"]
        log = self.folder / f"{words[0]}.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                self.latbase.words(*words), env=self.latbase.environ, stdout=said, stderr=said
            )

        def end() -> None:
            assert process.poll() is None, log.read_text()
            process.terminate()
            process.wait(60)

        self.running.callback(end)
        ready = "http" if words[0] == "serve" else '"connected"'
        until = time.monotonic() + 120
        while ready not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)

    def _here(self, word: str) -> str:
        """Return what stands for a word of the page that names another machine or its disk."""
        if word == "https://lab:8750":
            served = endpoint.serving(self.latbase.store)
            assert served is not None
            return served.url
        if word in {EMPTY, "postgresql://latbase@db.example/latbase"}:
            return self.postgres(word)
        if word == FASHION:
            return str(ROOT / word)
        if word == "/srv/latbase":
            return str(self.folder / "lake")
        if word == HERE:
            (first, *_) = self.latbase.json("configs")
            return str(first["configuration_id"])
        return word

    def _smaller(self, words: list[str]) -> list[str]:
        """Return what does the same in less time."""
        less = [option for key, options in SMALLEST.items() if key in words for option in options]
        if "--config" in words and "search" in words:  # whose input size is that of its profile
            less = ["--preset", "quick"]
        return [*(SMALLER.get(word, word) for word in words), *less]


def assert_alike(said: str, shown: list[str]) -> None:
    """Compare lines; what is measured or drawn, and how wide a column is, may differ."""

    def words(line: str) -> list[str]:
        told = re.sub(r"\b(?=\w*\d)[\w.-]+\b", "#", line)
        return told.replace("unstable", "stable").split()

    lines = [words(line) for line in said.splitlines()]
    for line in shown:
        assert words(line) in lines, (line, said)


def check_script(words: list[str]) -> None:
    """Check that a script or command exists and takes these options; nothing is measured."""
    if words[0] == "latbase":
        parse(words[1:])
        return
    if words[0] == "make":
        subprocess.run([*words, "--dry-run"], cwd=ROOT, check=True, capture_output=True)
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
        rest = BLOCK.sub("", (ROOT / page).read_text())
        assert not re.search(r"^\s*(```|~~~)", rest, re.MULTILINE), page
        kinds = {found["kind"] for found in BLOCK.finditer((ROOT / page).read_text())}
        assert kinds <= RUN_HERE | OTHERS, page
        for text in blocks(page, *OTHERS):
            assert not re.search(r"^(\$ |latbase |python )", text, re.MULTILINE), page


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand where the reader of a page does, with what the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    tls = self_signed(tmp_path / "tls")
    tls.certificate.rename("cert.pem")
    tls.key.rename("key.pem")
    return tmp_path


@pytest.fixture
def used(latbase, folder):
    """A store with something in it, for pages about keeping it."""
    latbase.run("profile", SUPERNET, "-n", "2", *SMALL)
    shutil.copy(latbase.store, folder / "other.duckdb")
    return latbase


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "console", "console long")]
)
def test_commands_run(request, latbase, folder, page):
    if page in {"docs/fleet.md", "docs/operations.md", "docs/sizing.md"}:
        request.getfixturevalue("used")
    if page == "docs/fashion-mnist.md" and not IMAGES.exists():
        pytest.skip(f"{IMAGES} is not here: apt-get install dataset-fashion-mnist")
    if page in {"docs/benchmarks.md", "docs/searching.md"}:
        request.getfixturevalue("shared_data")
    latbase.environ["LATBASE_CERTIFICATE"] = str(folder / "cert.pem")
    with ExitStack() as running:

        @cache
        def started() -> Cluster:
            return running.enter_context(cluster())

        known: dict[str, str] = {}

        def postgres(address: str) -> str:
            if address == EMPTY or address not in known:
                known[address] = started().new_database()
            return known[address]

        benches = {each.text for each in commands("docs/benchmarks.md", "console long")}
        desk = Desk(
            latbase=latbase,
            folder=folder,
            running=running,
            elsewhere=frozenset(benches if page != "docs/benchmarks.md" else ()),
            postgres=postgres,
        )
        for command in commands(page, "console", "console long"):
            desk.carry_out(command)
    run_python(page)


def test_nothing_is_left_out_that_no_page_has():
    shown = {each.text for page in FOUND for each in commands(page, "console", "console long")}
    assert {*REDUCED, *NOT_RUN} <= shown


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

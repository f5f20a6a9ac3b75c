"""The command group knows its commands without importing them."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from latbase.cli.main import COMMANDS, main

HEAVY = ("torch", "duckdb", "numpy", "pyarrow", "pydantic", "httpx")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_holds_the_real_commands(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert COMMANDS[name][1].endswith(".")
    assert command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    assert all("latbase" in (leaf.epilog or "") for leaf in leaves)


@pytest.mark.parametrize("flags", [["--help"], ["--version"], ["profile", "--help"]])
def test_help_is_instant_because_it_imports_nothing_heavy(flags):
    code = (
        "import sys; from latbase.cli.main import main\n"
        f"try: main({flags!r})\n"
        f"finally: sys.stderr.write(str(sorted({set(HEAVY)!r} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_a_front_is_read_without_loading_what_searches_need():
    code = (
        "import sys, latbase.cli.front, latbase.searcher.results\n"
        "sys.stderr.write(str(sorted({'pymoo', 'scipy', 'sklearn', 'torch'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_a_typo_is_an_error_with_the_right_status():
    done = CliRunner().invoke(main, ["profle"])
    assert done.exit_code == 2
    assert "profle" in done.output

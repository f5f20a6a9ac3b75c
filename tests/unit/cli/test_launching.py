"""A launch is the ordinary search command, whatever a form sends."""

import pytest

from latbase.cli.page.launching import Launcher, Wanted
from latbase.cli.search import search
from latbase.db import connect
from latbase.errors import UnknownNameError

WANTED = Wanted(
    supernet="--help",
    configuration_id="abcd",
    objectives=("top1", "latency_ms<=20"),
    evaluations=7,
    tactic="auto",
    seed=3,
)


def test_the_search_command_understands_a_launch():
    name, *words = WANTED.arguments()
    parsed = search.make_context(name, words).params
    assert parsed["supernet"] == "--help"
    assert parsed["objectives"] == WANTED.objectives
    assert (parsed["prefix"], parsed["evaluations"], parsed["seed"]) == ("abcd", 7, 3)
    assert parsed["new"]


def test_a_launch_that_ended_is_shown_with_what_it_said():
    with Launcher(":memory:", ("-c", "import sys; sys.exit('no such supernet')")) as launcher:
        launch = launcher.start(WANTED)
        launch.process.wait()
        assert launch.exit_code == 1
        assert launch.tail() == "no such supernet\n"
        assert launcher.all() == [launch]


def test_what_still_runs_ends_with_the_service():
    with Launcher(":memory:", ("-c", "import time; time.sleep(600)")) as launcher:
        launch = launcher.start(WANTED)
        assert launch.exit_code is None
    assert launch.exit_code is not None


def test_only_own_launches_are_stopped():
    with connect(":memory:") as store, pytest.raises(UnknownNameError, match="number 3"):
        Launcher(":memory:").stop(store, 3)

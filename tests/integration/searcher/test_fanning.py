"""Validation on other processes: a pool whose workers die, and a cluster."""

import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latbase import supernets
from latbase.db import Store, connect
from latbase.errors import InvalidInputError, SearchError, UnknownNameError
from latbase.searcher.fanning import Fan, executor_maker
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.objectives import Objective
from latbase.searcher.validation import Appraised, appraised

OWN = """
import os
from pathlib import Path

from torch import nn


class Layers:
    parameters = {"width": (4, 8, 12, 16), "depth": (1, 2)}
    input_shape = (3, 8, 8)

    def build(self, config):
        return nn.Conv2d(3, config["width"], 3)

    def evaluate(self, config):
        folder = Path(__file__).parent
        with open(folder / "calls", "a") as calls:
            calls.write(f"{os.getpid()} {config['width']} {config['depth']}\\n")
        death = folder / "death"
        if death.exists() and config == {"width": 8, "depth": 2}:
            if death.read_text() == "once":
                death.unlink()
            os._exit(9)
        return 60.0 + config["width"] + config["depth"]
"""


def pool() -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path}/own.py:Layers"


@contextmanager
def top1(own: str, make: Callable[[], Executor]) -> Iterator[tuple[Appraised, Store]]:
    net = supernets.load(own)
    with connect(":memory:") as store, Fan(make, own) as fan:
        yield appraised(store, net, [Objective("top1", maximize=True)], fan=fan)["top1"], store


def everything(own: str) -> tuple[Genotypes, list[dict[str, object]], Values]:
    space = supernets.load(own).space
    genotypes = space.sample(8, 0)
    configs = space.to_configs(genotypes)
    return (
        genotypes,
        configs,
        np.array([60.0 + float(str(c["width"])) + float(str(c["depth"])) for c in configs]),
    )


def calls(own: str) -> list[list[str]]:
    return [line.split() for line in Path(own).with_name("calls").read_text().splitlines()]


def stored(store: Store) -> int:
    return int(store.query("SELECT count(*) AS n FROM validation")["n"][0].as_py())


class BreaksOnce(ThreadPoolExecutor):
    """Loses its workers while work is handed in, the first time one of its kind is used."""

    broken = False

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        if self._work_queue.qsize() >= 3 and not BreaksOnce.broken:
            BreaksOnce.broken = True
            raise BrokenExecutor("a worker died")
        return super().submit(*given, **named)


def test_an_executor_that_breaks_while_work_is_handed_in_is_replaced(own: str) -> None:
    """A simulated break: a real one at that moment cannot be timed."""
    genotypes, _, expected = everything(own)
    with top1(own, lambda: BreaksOnce(1)) as (source, _):
        assert np.array_equal(source.values(genotypes), expected)
    assert BreaksOnce.broken


def test_a_lost_worker_is_replaced_and_values_are_stored_once(own: str) -> None:
    genotypes, _, expected = everything(own)
    Path(own).with_name("death").write_text("once")
    with top1(own, pool) as (source, store):
        assert np.array_equal(source.values(genotypes), expected)
        made = calls(own)
        assert np.array_equal(source.values(genotypes[::-1]), expected[::-1])
        assert stored(store) == 8
    assert calls(own) == made
    assert str(os.getpid()) not in {process for process, _, _ in made}


class Losing(ThreadPoolExecutor):
    """Loses the worker of every second task."""

    def submit(self, function, /, *arguments, **named):
        position = next(TURNS)
        if position % 2:
            return super().submit(function, *arguments, **named)
        lost: Future[float] = Future()
        lost.set_exception(BrokenExecutor("the machine is gone"))
        return lost


TURNS = itertools.count()


def test_what_is_lost_every_time_is_said_and_the_rest_is_kept(own: str) -> None:
    genotypes, _, expected = everything(own)
    with top1(own, Losing) as (source, store):
        with pytest.raises(SearchError, match=r"lost their worker 3 times.*machine is gone"):
            source.values(genotypes)
        assert 4 <= stored(store) < 8
        assert np.array_equal(source.values(genotypes[:7]), expected[:7])


def test_a_dask_cluster_validates(own: str) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    genotypes, _, expected = everything(own)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
        top1(own, client.get_executor) as (source, store),
    ):
        Path(own).with_name("death").write_text("once")
        assert np.array_equal(source.values(genotypes), expected)
        assert stored(store) == 8
    assert str(os.getpid()) not in {process for process, _, _ in calls(own)}


class TestNames:
    """Executors by import path."""

    def test_a_module_and_a_file_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "from concurrent.futures import ThreadPoolExecutor\n"
            "def workers():\n    return ThreadPoolExecutor(1)\n"
        )
        for name in ("concurrent.futures:ThreadPoolExecutor", f"{tmp_path}/mine.py:workers"):
            with executor_maker(name)() as executor:
                assert isinstance(executor, ThreadPoolExecutor)

    @pytest.mark.parametrize("name", ["nonsense", "no.module:x", "json:x", "none.py:x", ":x"])
    def test_what_is_not_there_is_said(self, name: str) -> None:
        with pytest.raises(UnknownNameError, match="There is no executor"):
            executor_maker(name)

    def test_a_file_that_fails_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "syntax.py").write_text("def executor(:")
        with pytest.raises(UnknownNameError, match="There is no executor"):
            executor_maker(f"{tmp_path}/syntax.py:executor")
        (tmp_path / "fails.py").write_text("def executor():\n    raise OSError('no cluster')")
        with pytest.raises(InvalidInputError, match=r"failed \(OSError: no cluster\)"):
            executor_maker(f"{tmp_path}/fails.py:executor")()

    def test_what_is_no_executor_is_said(self) -> None:
        with pytest.raises(InvalidInputError, match="gave a dict"):
            executor_maker("builtins:dict")()

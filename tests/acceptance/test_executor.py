"""``latbase search --executor`` as a user runs it: a Dask cluster, and a worker that dies."""

from pathlib import Path

import pytest

OWN = """
import os
from pathlib import Path

from torch import nn


class Layers:
    parameters = {"width": (4, 8, 12, 16), "depth": (1, 2, 3)}
    input_shape = (3, 8, 8)

    def build(self, config):
        return nn.Conv2d(3, config["width"], 3)

    def evaluate(self, config):
        folder = Path(__file__).parent
        with open(folder / "calls", "a") as calls:
            calls.write(f"{os.getpid()} {config['width']} {config['depth']}\\n")
        if config == {"width": 16, "depth": 3} and not (folder / "died").exists():
            (folder / "died").touch()
            os._exit(9)
        return 60.0 + config["width"] + config["depth"]
"""

CLUSTER = """
from distributed import Client, LocalCluster


def executor():
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    return Client(cluster).get_executor()
"""


@pytest.mark.slow
def test_a_cluster_validates_and_outlives_a_worker(latbase, tmp_path: Path):
    own, cluster = tmp_path / "own.py", tmp_path / "cluster.py"
    own.write_text(OWN)
    cluster.write_text(CLUSTER)
    search = ("search", f"{own}:Layers", "--objective", "top1", "--objective", "params")
    spread = ("--executor", f"{cluster}:executor")
    front = latbase.json(*search, *spread, "--evaluations", "12")
    assert {round(member["values"]["top1"] - 60) for member in front} == {7, 11, 15, 19}
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    evaluated = [tuple(config) for _, *config in calls]
    assert len({pid for pid, *_ in calls}) >= 2
    assert evaluated.count(("16", "3")) == 2
    assert len(evaluated) == 13
    assert latbase.query("SELECT count(*) AS n FROM validation WHERE metric = 'top1'") == [
        {"n": 12}
    ]
    again = latbase.json(*search, "--evaluations", "12", "--seed", "1")
    assert len((tmp_path / "calls").read_text().splitlines()) == 13
    assert len(again) == len(front)


def test_what_is_no_executor_is_refused_before_anything_runs(latbase, tmp_path: Path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    search = ("search", f"{own}:Layers", "--objective", "top1", "--objective", "params")
    refused = latbase.run(*search, "--executor", "builtins:dict", status=2)
    assert "expected a concurrent.futures.Executor" in refused.stderr
    assert not (tmp_path / "calls").exists()

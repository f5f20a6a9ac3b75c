"""A search that the page launches is the real one: it runs beside the service and stops as told."""

import time
from pathlib import Path

from latbase.cli.page.launching import Launcher, Wanted
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.records import Configuration, Hardware
from latbase.db.service.running import Service

PATIENCE_S = 120.0


def test_a_search_that_measures_nothing_is_marked_as_stopped_too(tmp_path: Path) -> None:
    path = tmp_path / "latency.duckdb"
    with DuckDbStore(path) as store, Service(store), Launcher(str(path)) as launcher:
        hardware = Hardware.of({"cpu_brand": "Example CPU"})
        place = Configuration.of(hardware_id=hardware.hardware_id)
        store.write([hardware, place])
        wanted = Wanted(
            supernet="ofa_mbv3_d234_e346_k357_w1.0",
            configuration_id=place.configuration_id,
            objectives=("top1", "macs"),
            evaluations=100_000,
            tactic="random",
            seed=5,
        )
        launch = launcher.start(wanted)
        until = time.monotonic() + PATIENCE_S
        while not store.query("SELECT count(*) AS n FROM evaluation")["n"][0].as_py():
            assert launch.exit_code is None, launch.tail()
            assert time.monotonic() < until, launch.tail()
            time.sleep(0.1)
        launcher.stop(store, launch.number)
        found = store.query("SELECT status, configuration_id FROM search").to_pylist()
        assert found == [{"status": "stopped", "configuration_id": None}]

"""The dashboard, served from a store as it looks after some use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from latbase.cli.page.launching import Launcher
from latbase.cli.page.router import dashboard
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service

SLEEPER = ("-c", "import sys, time; print('asked', *sys.argv[1:], flush=True); time.sleep(600)")
"""Stands for a search: says how it was called, then takes long."""


@pytest.fixture
def store(studied: Path, tmp_path: Path) -> Iterator[DuckDbStore]:
    shutil.copy(studied, tmp_path / "latency.duckdb")
    with DuckDbStore(tmp_path / "latency.duckdb") as opened:
        yield opened


@pytest.fixture
def service(store: DuckDbStore) -> Iterator[Service]:
    launcher = Launcher(str(store.path), SLEEPER)
    with Service(store, routers=[dashboard(launcher)]) as running, launcher:
        yield running

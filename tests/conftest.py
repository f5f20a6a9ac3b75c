"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

# Before torch loads: its threads spin while they wait, and those of two workers take each other's
# cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of published measurements; it is no part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the published measurements are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with measurements and finished searches; tests only read it."""
    from tests.studied import write  # loads torch, which few tests need

    path = tmp_path_factory.mktemp("studied") / "latency.duckdb"
    write(path)
    return path

"""A lake whose directory is gone: what needs it says so, what does not goes on."""

import shutil
from pathlib import Path

import pytest

from latbase.db.postgres_store import PostgresStore
from latbase.errors import StoreError
from tests.integration.db.cluster import Cluster
from tests.integration.db.samples import World

WORLD = World()


def test_a_write_that_has_to_look_there_says_so(postgres: Cluster, tmp_path: Path) -> None:
    first = WORLD.measurement()
    with PostgresStore(postgres.new_database(), tmp_path / "lake", move_s=None) as store:
        others = [
            WORLD.measurement(number % 3) for number in range(100)
        ]  # few stay in the catalogue
        store.write([*WORLD.base(), first, *others])
        store.move()
        shutil.rmtree(tmp_path / "lake")
        with pytest.raises(StoreError, match=r"The lake cannot be read: .*parquet"):
            store.write([first])
        store.write([WORLD.host])

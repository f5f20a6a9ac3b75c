"""A search waits for another host through a service that goes away and comes back."""

import threading
import time
from pathlib import Path

from latbase.db import connect, queueing
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
from tests.unit.searcher import test_remote as far


def wait_for(said: list[str], words: str) -> None:
    until = time.monotonic() + 60
    while not any(words in each for each in said):
        assert time.monotonic() < until, said
        time.sleep(0.01)


def test_a_search_outlives_its_service(tmp_path: Path) -> None:
    path, said = tmp_path / "lat.duckdb", list[str]()
    with DuckDbStore(path) as owned:
        far.fill(owned)
        first = Service(owned)
        with first:
            client = connect(first.url)
            search = threading.Thread(
                target=far.remote(client, said), args=(far.GENOTYPES,), daemon=True
            )
            search.start()
            while queueing.counts(owned) != {"queued": 6}:
                time.sleep(0.01)
        wait_for(said, "Still waiting.")
        assert search.is_alive()
        with Service(owned, port=int(first.url.rpartition(":")[2])):
            far.work(owned, 6)
            search.join(60)
            assert not search.is_alive()
        assert far.values(owned) == [3.0] * 6
        client.close()
    assert len(said) == 1

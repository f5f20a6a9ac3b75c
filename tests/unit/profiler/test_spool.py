from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latbase.profiler.ledger import Built
from latbase.profiler.spool import Spool

from .factories import CALM, block

times = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=4).map(tuple)


@given(times, times, st.none() | st.floats(0, 1e9), st.booleans())
def test_blocks_come_back_as_they_went(
    tmp_path_factory: pytest.TempPathFactory,
    wall: tuple[float, ...],
    gpu: tuple[float, ...],
    energy: float | None,
    throttled: bool,
):
    row = block(wall_ms=wall, cpu_ms=wall, gpu_ms=gpu, energy_mj=energy, throttled=throttled)
    with Spool(tmp_path_factory.mktemp("spool") / "a.jsonl") as spool:
        spool.append(row)
        assert list(spool.rows()) == [row]


def test_rows_of_both_kinds_survive_a_torn_line(tmp_path: Path):
    path = tmp_path / "deep" / "a.jsonl"
    built = Built(
        subject="a",
        build_s=0.1,
        prepare_s=0.2,
        warm_up_ms=(2.0, 1.0),
        peak_memory_bytes=None,
        conditions=CALM.facts(),
    )
    with Spool(path) as spool:
        spool.append(built)
        spool.append(block())
    whole = path.read_text()
    path.write_text(whole + whole.splitlines()[1][:40])
    with Spool(path) as spool:
        spool.append(block(at=2000.0))
        assert list(spool.rows()) == [built, block(), block(at=2000.0)]


def test_a_cleared_spool_is_empty_and_goes_on(tmp_path: Path):
    with Spool(tmp_path / "a.jsonl") as spool:
        spool.append(block())
        spool.clear()
        spool.append(block(at=3.0))
        assert list(spool.rows()) == [block(at=3.0)]

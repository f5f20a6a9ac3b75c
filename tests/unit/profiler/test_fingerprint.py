import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from latbase.errors import InvalidInputError
from latbase.profiler import fingerprint, state


def test_the_same_host_twice(tmp_path: Path):
    first, second = fingerprint(tmp_path), fingerprint(tmp_path)
    assert first.hardware == second.hardware
    assert first.environment == second.environment
    assert first.host.host_id == second.host.host_id
    assert {fact.name for fact in first.explanation} == {
        *first.hardware.facts,
        *first.environment.facts,
    }
    assert all(fact.source for fact in first.explanation)
    assert first.effective_cpus >= 1


def test_two_state_directories_are_two_hosts_of_one_hardware(tmp_path: Path):
    one, other = fingerprint(tmp_path / "a"), fingerprint(tmp_path / "b")
    assert one.host.host_id != other.host.host_id
    assert one.hardware == other.hardware


def test_racing_processes_agree_on_the_host_id(tmp_path: Path):
    with ProcessPoolExecutor(4) as pool:
        assert len(set(pool.map(state.host_id, [tmp_path] * 16))) == 1


def test_a_state_directory_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="LATBASE_STATE_DIR"):
        fingerprint(tmp_path / "file" / "state")


def test_identifying_a_host_does_not_load_torch(tmp_path: Path):
    code = (
        "import sys, pathlib; from latbase.profiler import fingerprint; "
        "fingerprint(pathlib.Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0

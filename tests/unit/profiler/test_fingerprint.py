import os
import shutil
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


def machine(file: Path, machine_id: str) -> Path:
    file.write_text(f"{machine_id}\n")
    return file


def test_a_copied_state_directory_is_another_host_on_another_machine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    image, copy = tmp_path / "image", tmp_path / "copy"
    first, second = machine(tmp_path / "1", "1" * 32), machine(tmp_path / "2", "2" * 32)
    original = state.host_id(image, first)
    shutil.copytree(image, copy)
    assert not caplog.records
    renewed = state.host_id(copy, second)
    assert renewed != original
    assert [record.getMessage() for record in caplog.records] == ["host_id_renewed"]
    assert state.host_id(copy, second) == renewed, "also after a restart"
    assert len(caplog.records) == 1
    assert state.host_id(image, first) == original
    assert "1" * 32 not in "".join(file.read_text() for file in image.iterdir())


def test_an_id_from_before_machines_were_remembered_is_this_machines(tmp_path: Path):
    (tmp_path / "host_id").write_text("0123456789abcdef\n")
    mine, other = machine(tmp_path / "1", "1" * 32), machine(tmp_path / "2", "2" * 32)
    assert state.host_id(tmp_path, mine) == "0123456789abcdef"
    assert state.host_id(tmp_path, other) != "0123456789abcdef"


@pytest.mark.parametrize("text", [None, "", "uninitialized", "\xff"])
def test_a_host_keeps_its_id_where_the_machine_has_none(tmp_path: Path, text: str | None):
    directory, file = tmp_path / "state", tmp_path / "machine-id"
    here = state.host_id(directory, machine(tmp_path / "1", "1" * 32))
    if text is not None:
        file.write_text(text, encoding="latin-1")
    assert state.host_id(directory, file) == here
    assert state.host_id(tmp_path / "fresh", file) == state.host_id(tmp_path / "fresh", file)


def test_an_id_made_anew_at_every_boot_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os.path, "ismount", lambda _: True)  # mounting takes a privilege
    first, second = machine(tmp_path / "1", "1" * 32), machine(tmp_path / "2", "2" * 32)
    assert state.host_id(tmp_path, first) == state.host_id(tmp_path, second)


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

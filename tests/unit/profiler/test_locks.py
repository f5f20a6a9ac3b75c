import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latbase.errors import MeasurementError
from latbase.profiler.locks import device_lock


def test_a_second_measurement_fails_with_the_first_ones_process(tmp_path: Path):
    with (
        device_lock("cpu", directory=tmp_path),
        pytest.raises(MeasurementError, match=f"cpu is being measured by process {os.getpid()}"),
        device_lock("cpu", directory=tmp_path),
    ):
        pass


def test_devices_do_not_exclude_each_other(tmp_path: Path):
    with device_lock("cpu", directory=tmp_path), device_lock("GPU-1/2", directory=tmp_path):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_killed_holder_lets_go(tmp_path: Path):
    code = (
        "import sys, pathlib, os, signal; from latbase.profiler.locks import device_lock\n"
        "with device_lock('cpu', directory=pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    with device_lock("cpu", directory=tmp_path):
        pass


def test_a_lock_file_of_another_user_is_used_and_not_written(tmp_path: Path):
    path = tmp_path / "latbase-cpu.lock"
    path.write_text("garbage")
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(MeasurementError, match="by another process"),
            device_lock("cpu", directory=tmp_path),
        ):
            pass

"""The quickstart command, as far as it gets where it cannot end well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from latbase.cli.main import run; run()", "quickstart", "--out"]


@pytest.mark.parametrize(
    ("out", "reason"), [("file/pictures", "Not a directory"), ("locked", "Permission denied")]
)
def test_a_folder_that_cannot_be_written_is_said_before_anything_is_measured(
    tmp_path: Path, out: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir(0o500)
    command = [*COMMAND, str(tmp_path / out)]
    if os.geteuid() == 0:  # whom no permission stops, but for the capabilities
        lost = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", lost, "--inh-caps", lost, *command]
    environ = os.environ | {"LATBASE_STORE": str(tmp_path / "latency.duckdb")}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert f"{out} cannot be written ({reason}); name another folder." in ended.stderr
    assert not (tmp_path / "latency.duckdb").exists()

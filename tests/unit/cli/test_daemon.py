"""The commands around a daemon; the daemon itself is tested as a process."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latbase.cli.main import main
from latbase.profiler import presence
from latbase.profiler.unit import NAME, Scope, text


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home; no systemctl is on the path."""
    for name in ("XDG_CONFIG_HOME", "LATBASE_STATE_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def daemon(*args: str, status: int = 0) -> Result:
    done = CliRunner().invoke(main, ["daemon", *args])
    assert done.exit_code == status, done.output
    return done


def test_install_writes_a_unit_that_uninstall_removes(home: Path):
    said = daemon("install", "--store", "https://lab:8750", "--supernet", "net.py:Net").output
    path = home / "systemd" / "user" / NAME
    command = next(line for line in path.read_text().splitlines() if line.startswith("ExecStart"))
    words = shlex.split(command.removeprefix("ExecStart="))
    assert words[1:7] == ["-m", "latbase", "daemon", "run", "--store", "https://lab:8750"]
    assert words[words.index("--supernet") + 1] == str(Path.cwd() / "net.py:Net")
    assert f"Wrote {path}" in said
    assert "systemctl --user enable latbase.service" in said
    assert f"Removed {path}" in daemon("uninstall").output
    assert not path.exists()


def test_uninstalling_nothing_says_so(home: Path):
    error = daemon("uninstall", status=1).exception
    assert f"there is no {home / 'systemd' / 'user' / NAME}" in str(error)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("scope", Scope)
def test_systemd_accepts_the_unit(tmp_path: Path, scope: Scope):
    unit = tmp_path / NAME
    unit.write_text(
        text(scope, {"LATBASE_STATE_DIR": "/50 % of $HOME"}, ["--store", '/a "b"/50% $HOME.db'])
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--{scope}", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert NAME not in done.stderr
    assert done.returncode == 0, done.stderr


def test_status_tells_who_runs(home: Path):
    assert "No daemon runs" in daemon("status").output
    assert json.loads(daemon("status", "--json").output) == {"running": False}
    with presence.only_daemon(home, "somewhere") as present:
        assert f"Process {present.pid} has worked for somewhere" in daemon("status").output
        assert json.loads(daemon("status", "--json").output)["store"] == "somewhere"

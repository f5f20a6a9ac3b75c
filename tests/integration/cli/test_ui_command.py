"""The ui command serves the store it is given, once, until it is told to stop."""

import os
import shutil
import signal
import subprocess
import sys

import httpx
import pytest

from latbase.db.endpoint import serving

COMMAND = [sys.executable, "-c", "from latbase.cli.main import run; run()", "ui", "--no-browser"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_until_the_command_is_stopped(studied, tmp_path, ending):
    store = shutil.copy(studied, tmp_path / "latency.duckdb")
    environ = os.environ | {"LATBASE_STORE": str(store)}
    with subprocess.Popen(
        COMMAND, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        address = service.stdout.readline().strip()
        url, _, token = address.partition("#token=")
        page = httpx.get(url)
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        bearer = {"Authorization": f"Bearer {token}"}
        role = httpx.get(url.replace("/ui/", "/v1/page/role"), headers=bearer).json()
        assert role["may_launch"]
        again = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=True)
        assert again.stdout.strip() == address
        service.send_signal(ending)
        try:
            _, said = service.communicate(timeout=60)
        finally:
            service.kill()  # no-op unless it did not end
        assert service.returncode == 0
        assert "Traceback" not in said
    assert not store.with_name("latency.duckdb.endpoint").exists()


def test_a_daemon_shows_the_page_of_the_file_it_serves(studied, tmp_path):
    store = shutil.copy(studied, tmp_path / "latency.duckdb")
    environ = os.environ | {"LATBASE_STORE": str(store), "LATBASE_STATE_DIR": str(tmp_path)}
    daemon = [*COMMAND[:3], "daemon", "run"]
    with subprocess.Popen(daemon, env=environ, stderr=subprocess.PIPE, text=True) as measuring:
        assert measuring.stderr is not None
        while serving(store) is None:
            assert measuring.poll() is None, measuring.stderr.read()
        shown = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=True)
        assert httpx.get(shown.stdout.partition("#")[0]).status_code == 200
        measuring.terminate()
        measuring.communicate()
        assert measuring.returncode == 0

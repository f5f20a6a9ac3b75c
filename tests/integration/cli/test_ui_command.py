"""The ui command serves the store it is given, once, until it is told to stop."""

import os
import shutil
import signal
import subprocess
import sys

import httpx
import pytest

COMMAND = [sys.executable, "-c", "from latbase.cli.main import run; run()", "ui", "--no-browser"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_until_the_command_is_stopped(studied, tmp_path, ending):
    store = shutil.copy(studied, tmp_path / "latency.duckdb")
    environ = os.environ | {"LATBASE_STORE": str(store)}
    with subprocess.Popen(
        COMMAND, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        address = serving.stdout.readline().strip()
        url, _, token = address.partition("#token=")
        page = httpx.get(url)
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        bearer = {"Authorization": f"Bearer {token}"}
        role = httpx.get(url.replace("/ui/", "/v1/page/role"), headers=bearer).json()
        assert role["may_launch"]
        again = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=True)
        assert again.stdout.strip() == address
        serving.send_signal(ending)
        _, said = serving.communicate()
        assert serving.returncode == 0
        assert "Traceback" not in said
    assert not store.with_name("latency.duckdb.endpoint").exists()

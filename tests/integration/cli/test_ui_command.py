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


BROWSER = """#!/bin/sh
tr '\\0' ' ' < /proc/$$/cmdline; echo
ls -l "${1#file://}"
cat "${1#file://}"
"""
"""Says how it was called, and what is in the file that it is to open."""


def test_the_token_is_in_no_command_line_and_gone_in_the_end(studied, tmp_path):
    store = shutil.copy(studied, tmp_path / "latency.duckdb")
    browser = tmp_path / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o700)
    (tmp_path / "files").mkdir()
    environ = os.environ | {
        "LATBASE_STORE": str(store),
        "BROWSER": f"{browser} %s",
        "TMPDIR": str(tmp_path / "files"),
    }
    with subprocess.Popen(
        COMMAND[:-1], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        try:
            first = [service.stdout.readline() for _ in range(4)]
            at_once = f"from latbase.cli import ui; ui.STARTED_S = 0; {COMMAND[2]}"
            served = [*COMMAND[:2], at_once, "ui"]
            again = subprocess.run(served, env=environ, capture_output=True, text=True, check=True)
            service.send_signal(signal.SIGINT)
            service.communicate(timeout=60)
        finally:
            service.kill()  # no-op unless it did not end
    token = first[0].strip().partition("#token=")[2]
    for lines in (first, again.stdout.splitlines()):
        assert token in lines[0]
        assert token not in lines[1]
        assert lines[2].startswith("-rw------- ")
        assert f"url={lines[0].strip()}" in lines[3]
    assert not list((tmp_path / "files").iterdir())

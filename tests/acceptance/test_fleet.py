"""One served store, several machines' commands: tokens, jobs, moving data. Real processes."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import SMALL, SUPERNET, Latbase

pytestmark = pytest.mark.slow


class Served:
    """``latbase serve`` on a free port of this machine."""

    def __init__(self, latbase: Latbase) -> None:
        self.process = subprocess.Popen(
            latbase.words("serve", "--port", "0"),
            env=latbase.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stop(self) -> int:
        with self.process:  # closes its pipe
            self.process.send_signal(signal.SIGTERM)
            return self.process.wait(20)


@pytest.fixture
def served(latbase) -> Iterator[Served]:
    running = Served(latbase)
    yield running
    running.stop()


def as_(latbase: Latbase, role: str, folder, url: str) -> Latbase:
    """Return the command of another machine, with a token of ``role``."""
    made = latbase.json("token", "create", "--role", role, "--name", f"a {role}")
    folder.mkdir()
    (folder / "token").write_text(made["token"])
    other = type(latbase)(folder)
    other.environ |= {"LATBASE_STORE": url, "LATBASE_TOKEN_FILE": str(folder / "token")}
    return other


def test_roles_bound_what_other_machines_do(latbase, served, tmp_path):
    reader = as_(latbase, "reader", tmp_path / "reader", served.url)
    operator = as_(latbase, "operator", tmp_path / "operator", served.url)
    assert reader.json("hosts") == []
    assert "operator" in reader.run("jobs", "cancel", "--all", status=3).stderr
    assert "No job id starts with" in operator.run("jobs", "cancel", "nope", status=2).stderr
    assert "operator" in reader.run("token", "list", status=3).stderr
    listed = operator.json("token", "list")
    assert [(each["role"], each["name"]) for each in listed] == [
        ("reader", "a reader"),
        ("operator", "a operator"),
    ]
    assert "latbase_" not in json.dumps(listed)
    operator.run("token", "revoke", listed[0]["token_id"])
    assert "token" in reader.run("hosts", status=3).stderr
    assert served.stop() == 0


def test_jobs_go_to_the_daemon_of_another_machine(latbase, served, tmp_path):
    operator = as_(latbase, "operator", tmp_path / "operator", served.url)
    host = as_(latbase, "host", tmp_path / "host", served.url)
    operator.run("profile", SUPERNET, "-n", "1", *SMALL)  # a configuration to ask for
    (configuration,) = operator.json("configs")
    asked = ("enqueue", SUPERNET, "-n", "3", "--config", configuration["configuration_id"])
    assert operator.json(*asked)[0]["queued"] == 2
    assert operator.json(*asked)[0]["queued"] == 0

    daemon = host.start("daemon", "run", "--preset", "quick", "--poll-s", "0.2")
    try:
        until = time.monotonic() + 200
        while {job["status"] for job in operator.json("jobs")} != {"finished"}:
            assert time.monotonic() < until
            assert daemon.poll() is None
            time.sleep(0.5)
        for row in operator.json("hosts"):  # each state folder is a host of its own
            assert (row["queued"], row["claimed"]) == (0, 0)
    finally:
        daemon.terminate()
    assert daemon.wait(60) == 0
    (count,) = operator.query("SELECT count(*) AS n FROM latency")
    assert count["n"] == 3


def test_everyone_on_the_machine_shares_a_served_file(latbase, served):
    assert latbase.json("hosts") == []
    again = latbase.run("serve", "--port", "0", status=3)
    assert "served" in again.stderr or "in use" in again.stderr
    served.process.kill()
    served.process.wait()
    assert latbase.json("hosts") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "needs a token"),
        (("--tls-cert", "/etc/hostname"), "go together"),
        (("--data", "lake"), "--backend"),
    ],
)
def test_what_is_not_safe_to_serve_is_refused(latbase, options, sentence):
    assert sentence in latbase.run("serve", "--port", "0", *options, status=2).stderr


def test_data_moves_out_and_in_and_together(profiled, latbase, tmp_path):
    rows = "SELECT measurement_id FROM measurement ORDER BY ALL"
    profiled.run("export", str(tmp_path / "out"))
    latbase.run("import", str(tmp_path / "out"))
    latbase.run("merge", str(profiled.store))
    assert latbase.query(rows) == profiled.query(rows)
    assert "sound" in latbase.run("check").stdout

    copy = tmp_path / "copy.duckdb"
    latbase.run("backup", str(copy))
    assert "exists already" in latbase.run("backup", str(copy), status=2).stderr
    latbase.store.write_text("ruined")
    latbase.run("restore", str(copy))
    assert latbase.query(rows) == profiled.query(rows)


def test_a_latency_table_of_others_comes_in(latbase, tmp_path):
    table = tmp_path / "phone.csv"
    lines = [
        '"[3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3]","[3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3]",'
        f'"[2,2,2,2,{depth}]",{latency}'
        for depth, latency in ((2, 10.5), (3, 12.5))
    ]
    table.write_text("\n".join(["kernel,expand,depth,ms", *lines]))
    command = (
        *("import", "--format", "csv", "--supernet", SUPERNET, "--device-name", "phone"),
        *("--latency", "ms", "--column", "ks=kernel", "--column", "e=expand", "--column"),
        *("d=depth", str(table)),
    )
    for _ in range(2):
        latbase.run(*command)
    found = latbase.query("SELECT latency_ms FROM latency ORDER BY latency_ms")
    assert [row["latency_ms"] for row in found] == [10.5, 12.5]
    bad = latbase.run(*command[:-3], "--column", "d=thickness", str(table), status=2)
    assert re.search(r"no column thickness; it has", bad.stderr)

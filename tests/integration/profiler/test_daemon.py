"""The daemon as a process of its own, killed for real."""

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from latbase import db, supernets
from latbase.db import endpoint
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import JobRequest, new_id
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import Configuration, Record, Subnet, Supernet
from latbase.db.service.running import Service
from latbase.profiler import Fingerprint, fingerprint
from latbase.profiler.workload import NICENESS
from tests.integration.certificates import self_signed
from tests.integration.disks import small_disk

from .conftest import TOY

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0
"""Long for two busy cores; a test that waits this long has failed."""

COMMAND = (sys.executable, "-c", "from latbase.cli.main import run; run()")

Daemon = subprocess.Popen[bytes]

SERVICE = """
import sys
from pathlib import Path
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.running import Service
with DuckDbStore(Path(sys.argv[1])) as store, Service(store, port=int(sys.argv[2])) as service:
    service.wait()
"""

TAME = """
import torch

class Tame:
    parameters = {"width": tuple(range(1, 9)), "depth": (1, 2, 3, 4)}
    input_shape = (1, 16, 16)

    def build(self, config):
        width, depth = config["width"], config["depth"]
        sizes = [1, *[width] * depth]
        return torch.nn.Sequential(
            *[torch.nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:])]
        )
"""


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Site:
    """A host with daemons, in a folder of its own."""

    def __init__(self, folder: Path, found: Fingerprint) -> None:
        self.file = folder / "latency.duckdb"
        self.state = folder / "state"
        self.log = folder / "daemon.log"
        self.configuration = Configuration.of(hardware_id=found.hardware.hardware_id, input_size=16)
        self._found = found
        self.environ = os.environ | {
            "LATBASE_STORE": str(self.file),
            "LATBASE_STATE_DIR": str(self.state),
            "XDG_CONFIG_HOME": str(folder),
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def daemon(self, *more: str, store: str = "", preset: str = "quick") -> Daemon:
        """Start a daemon and wait until it works."""
        before = self.count("connected")
        daemon = self.start(*more, store=store, preset=preset)
        until(lambda: self.count("connected") > before or daemon.poll() is not None)
        assert daemon.poll() is None, self.log.read_text()
        return daemon

    def start(self, *more: str, store: str = "", preset: str = "quick") -> Daemon:
        """Start a daemon."""
        options = ("--supernet", TOY, "--preset", preset, "--poll-s", "0.2", *more)
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(
                [*COMMAND, "daemon", "run", "--store", store or str(self.file), *options],
                env=self.environ,
                stderr=log,
            )
        self._processes.append(daemon)
        return daemon

    def service(self, port: int) -> subprocess.Popen[bytes]:
        """Serve the file from a process of its own."""
        service = subprocess.Popen([sys.executable, "-c", SERVICE, str(self.file), str(port)])
        self._processes.append(service)
        until(lambda: endpoint.file_of(self.file).exists() and endpoint.serving(self.file))
        return service

    def latbase(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *args], env=self.environ, capture_output=True, text=True, check=False
        )

    def events(self) -> list[dict[str, object]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def count(self, event: str) -> int:
        return sum(each["event"] == event for each in self.events())

    def enqueue(self, *records: Record, attempts: int = 1) -> None:
        """Queue one job for each sub-network among ``records``."""
        with db.connect(self.file) as store:
            store.write([self._found.hardware, self.configuration, *records])
            store.jobs.enqueue(
                [
                    JobRequest(
                        job_id=new_id(),
                        subnet_id=record.subnet_id,
                        configuration_id=self.configuration.configuration_id,
                        max_attempts=attempts,
                    )
                    for record in records
                    if isinstance(record, Subnet)
                ]
            )

    def jobs(self) -> list[dict[str, object]]:
        with db.connect(self.file, read_only=True) as store:
            found = store.query("SELECT subnet_id, status, error, attempts FROM job")
        rows: list[dict[str, object]] = found.to_pylist()
        return rows

    def finish(self) -> list[dict[str, object]]:
        """Wait until every job ended; return them."""
        until(lambda: all(job["status"] in {"finished", "failed"} for job in self.jobs()))
        return self.jobs()

    def measured_once(self) -> None:
        """Check that every job finished, and that each is one measurement."""
        assert {job["status"] for job in self.finish()} == {"finished"}
        with db.connect(self.file, read_only=True) as store:
            counts = store.query(
                "SELECT count(*) AS n FROM measurement WHERE metric = 'latency_ms' "
                "GROUP BY subnet_id"
            )["n"].to_pylist()
        assert counts == [1] * len(self.jobs())

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fingerprint, Path]:
    """This host, and the file that spares its daemons the question what torch is."""
    folder = tmp_path_factory.mktemp("known")
    return fingerprint(folder), folder / "torch.json"


@pytest.fixture
def site(tmp_path: Path, known: tuple[Fingerprint, Path]) -> Iterator[Site]:
    found, torch = known
    site = Site(tmp_path, found)
    site.state.mkdir()
    shutil.copy(torch, site.state)
    yield site
    site.close()


def toys(*behaviours: str) -> list[Record]:
    """The toy supernet and sub-networks that behave like that, all different."""
    network = supernets.load(TOY)
    sizes = [(width, depth) for width in (8, 16, 32) for depth in (2, 3, 4)]
    configs = [
        {"width": width, "depth": depth, "behaviour": behaviour}
        for behaviour, (width, depth) in zip(behaviours, sizes, strict=False)
    ]
    return [supernet_of(network), *subnets_of(network, network.space.from_configs(configs))]


def test_jobs_are_measured_while_others_use_the_store(site: Site):
    daemon = site.daemon()
    site.enqueue(*toys("ok", "crash", "ok"))
    asked = site.latbase("query", "SELECT count(*) AS n FROM job", "--json")
    assert json.loads(asked.stdout) == [{"n": 3}], asked.stderr
    second = site.latbase("daemon", "run")
    assert second.returncode == 1
    assert f"A daemon runs on this host already (process {daemon.pid}" in second.stderr
    jobs = site.finish()
    assert sorted(str(job["status"]) for job in jobs) == ["failed", "finished", "finished"]
    (error,) = (str(job["error"]) for job in jobs if job["error"])
    assert "SIGABRT" in error
    until(lambda: site.count("job_finished") == 2)
    hosts = site.latbase("query", "SELECT host_name FROM host", "--json")
    assert json.loads(hosts.stdout) == [{"host_name": platform.node()}]
    status = json.loads(site.latbase("daemon", "status", "--json").stdout)
    assert status["running"]
    assert (status["pid"], status["finished"], status["failed"]) == (daemon.pid, 2, 1)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE_S) == 0
    assert not json.loads(site.latbase("daemon", "status", "--json").stdout)["running"]


def test_a_store_that_is_none_ends_the_daemon_at_once(site: Site):
    site.file.write_text("a shopping list")
    done = site.latbase("daemon", "run")
    assert done.returncode == 3
    assert "is no latency store" in done.stderr


def test_a_daemon_does_not_wait_for_a_service_it_cannot_trust(site: Site, tmp_path: Path):
    own, other = self_signed(tmp_path / "own"), self_signed(tmp_path / "other")
    with DuckDbStore(site.file) as owned, Service(owned, tls=own) as service:
        site.environ["LATBASE_CERTIFICATE"] = str(other.certificate)
        refused = site.latbase("daemon", "run", "--store", service.url)
        assert refused.returncode == 3
        assert "is not trusted" in refused.stderr
        site.environ["LATBASE_CERTIFICATE"] = str(own.certificate)
        daemon = site.daemon(store=service.url)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0


def test_a_daemon_waits_for_a_service_that_is_not_there_yet(site: Site):
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(site.state.parent / "notify"))
        systemd.setblocking(False)
        messages: list[bytes] = []

        def told(message: bytes) -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    messages.append(systemd.recv(100))
            return any(message in each for each in messages)

        site.environ["NOTIFY_SOCKET"] = systemd.getsockname()
        daemon = site.start(store=f"http://127.0.0.1:{port}")
        until(lambda: told(b"READY=1") and site.count("store_unavailable") >= 2)
        site.service(port)
        until(lambda: told(b"WATCHDOG=1") and site.count("connected"))
        daemon.send_signal(signal.SIGTERM)
        until(lambda: told(b"STOPPING=1"))
        assert daemon.wait(PATIENCE_S) == 0


def test_a_killed_daemon_takes_its_jobs_up_again(site: Site):
    site.enqueue(*toys("ok", "ok", "ok"))
    daemon = site.daemon(preset="thorough")
    spool = site.state / "spool"
    until(lambda: spool.is_dir() and any(f.stat().st_size > 10_000 for f in spool.iterdir()))
    daemon.kill()
    daemon.wait()
    assert {job["status"] for job in site.jobs()} == {"claimed"}
    site.daemon()
    site.measured_once()
    assert {job["attempts"] for job in site.jobs()} == {1}


def test_a_stopped_daemon_leaves_its_jobs_for_the_next(site: Site):
    site.enqueue(*toys("ok", "ok"))
    daemon = site.daemon(preset="thorough")
    until(lambda: site.count("measuring_started"))
    (measuring,) = psutil.Process(daemon.pid).children()
    assert measuring.nice() == os.nice(0)  # only the daemon itself steps back
    assert psutil.Process(daemon.pid).nice() == os.nice(0) + NICENESS
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(PATIENCE_S) == 0
    site.daemon()
    site.measured_once()
    assert {job["attempts"] for job in site.jobs()} == {1}


def test_results_wait_on_disk_while_the_service_is_gone(site: Site):
    port = free_port()
    service = site.service(port)
    site.enqueue(*toys("ok", "ok", "ok"))
    site.daemon(store=f"http://127.0.0.1:{port}")
    until(lambda: site.count("measuring_started"))
    service.kill()
    service.wait()
    until(lambda: len(list(site.state.glob("outbox/*/*.arrow"))) == 3)
    assert site.count("store_unavailable")
    site.service(port)
    site.measured_once()
    until(lambda: not list(site.state.glob("outbox/*/*")))


def test_a_daemon_outlives_a_full_disk(site: Site, tmp_path: Path):
    with small_disk(tmp_path / "disk", 1) as disk:
        shutil.copy(site.state / "torch.json", disk.folder)
        site.environ["LATBASE_STATE_DIR"] = str(disk.folder)
        daemon = site.daemon()
        disk.fill()
        site.enqueue(*toys("ok", "ok"), attempts=2)
        until(lambda: site.count("disk_full"))
        disk.make_room()
        site.measured_once()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0


def test_a_daemon_without_room_from_the_beginning_says_so(site: Site, tmp_path: Path):
    with small_disk(tmp_path / "disk", 1) as disk:
        shutil.copy(site.state / "torch.json", disk.folder)
        site.environ["LATBASE_STATE_DIR"] = str(disk.folder)
        disk.fill()
        full = site.latbase("daemon", "run")
        assert full.returncode == 1
        assert "No space left on device. Make room" in full.stderr
        assert "Traceback" not in full.stderr
        disk.forbid_writing()
        unwritable = site.latbase("daemon", "run")
        assert unwritable.returncode == 2
        assert "name another with LATBASE_STATE_DIR" in unwritable.stderr


def test_an_idle_daemon_keeps_a_profile_fresh(site: Site, tmp_path: Path):
    (tmp_path / "tame.py").write_text(TAME)
    site.enqueue()  # nothing; but the configuration is known
    site.daemon("--keep-fresh", f"{tmp_path / 'tame.py'}:Tame:1000%")

    def judged() -> list[dict[str, object]]:
        return [each for each in site.events() if each["event"] == "profile_judged"]

    until(lambda: any(each["mape_percent"] is not None for each in judged()))
    assert [(each["measured"], each["queued"]) for each in judged() if each["queued"]] == [(0, 30)]
    assert judged()[-1]["queued"] == 0
    site.measured_once()


def test_a_supernet_this_host_does_not_have_fails_with_the_reason(site: Site):
    elsewhere = Supernet.of("from_elsewhere", {"parameters": []})
    changed = Supernet.of("toy", {"parameters": ["others"]})
    site.enqueue(
        *(
            record
            for supernet in (elsewhere, changed)
            for record in (supernet, Subnet.of(supernet.supernet_id, (0,), {"width": 8}))
        )
    )
    site.daemon()
    errors = sorted(str(job["error"]) for job in site.finish())
    assert "The supernet toy is defined differently on this host" in errors[0]
    assert "This host has no supernet from_elsewhere; install" in errors[1]

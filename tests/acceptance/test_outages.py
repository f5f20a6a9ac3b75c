"""Three machines, one store: what is cut or killed comes back, and nothing is lost."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from latbase.db import connect
from latbase.errors import StoreError
from tests.acceptance import hosts
from tests.acceptance.conftest import Latbase
from tests.acceptance.hosts import Machine
from tests.integration.certificates import self_signed
from tests.integration.db.samples import World

pytestmark = pytest.mark.slow

PROCESSORS = ("Oak", "Birch", "Cedar")
EVALUATIONS = 6
PACE = ("--preset", "quick", "--poll-s", "0.2")
PATIENCE_S = 120.0
WORLD = World()

TOY = """
import torch

class Toy:
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


class Far(Latbase):
    """The command on a machine of its own; a daemon there writes ``log``."""

    def __init__(self, folder: Path, processor: str, supernet: str) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.machine = Machine(folder, processor)
        self.log = folder / "log"
        self._supernet = supernet
        self.process: subprocess.Popen[bytes] | None = None

    def daemon(self) -> None:
        """Start a daemon."""
        command = self.words("daemon", "run", "--supernet", self._supernet, *PACE)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.machine.words(command), env=self.environ, stderr=log
            )

    def said(self, event: str) -> int:
        """Return how often the daemons there reported ``event``."""
        lines = self.log.read_text().splitlines()
        events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
        return events.count(event)

    def kill(self) -> None:
        """Kill the daemon, without a last word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Center(Latbase):
    """Serves the store with TLS on every address of this machine, on one port."""

    def __init__(self, folder: Path, gateways: list[str]) -> None:
        folder.mkdir()
        super().__init__(folder)
        self._tls = self_signed(folder / "tls", ["127.0.0.1", *gateways])
        self.certificate = self._tls.certificate
        with socket.create_server(("", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def serve(self) -> None:
        """Start the service and wait until it answers."""
        tls = ("--tls-cert", str(self._tls.certificate), "--tls-key", str(self._tls.key))
        self.process = subprocess.Popen(
            self.words("serve", "--host", "0.0.0.0", "--port", str(self.port), *tls),
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("https://")

    def kill(self) -> None:
        """Kill the service, without a last word."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def admit(self, other: Latbase, role: str, address: str) -> None:
        """Let another machine in through ``address``."""
        made = self.json("token", "create", "--role", role, "--name", role)
        token = other.state.with_name("token")
        token.write_text(made["token"])
        other.environ |= {
            "LATBASE_STORE": f"https://{address}:{self.port}",
            "LATBASE_TOKEN_FILE": str(token),
            "LATBASE_CERTIFICATE": str(self.certificate),
        }


class Writer:
    """Writes one measurement after another while the block lasts; knows what was acknowledged."""

    def __init__(self, center: Center) -> None:
        self.acknowledged: list[str] = []
        self.failures = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._to = f"https://127.0.0.1:{center.port}"
        self._token = center.json("token", "create", "--role", "host", "--name", "w")["token"]
        self._certificate = center.certificate

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        pending = WORLD.measurement()
        while not self._enough.is_set():
            try:
                with connect(self._to, token=self._token, certificate=self._certificate) as store:
                    store.write(WORLD.base())
                    while not self._enough.is_set():
                        store.write([pending])  # what was not acknowledged goes out again
                        self.acknowledged.append(pending.measurement_id)
                        pending = WORLD.measurement(len(self.acknowledged) % 3)
            except StoreError:
                self.failures += 1
                self._enough.wait(0.05)


@pytest.fixture
def supernet(tmp_path: Path) -> str:
    (tmp_path / "toy.py").write_text(TOY)
    return f"{tmp_path / 'toy.py'}:Toy"


@pytest.fixture
def fleet(tmp_path: Path, supernet: str) -> Iterator[list[Far]]:
    if reason := hosts.why_not():
        pytest.skip(reason)
    machines = [Far(tmp_path / name, name, supernet) for name in PROCESSORS]
    yield machines
    for far in machines:
        far.kill()
        far.machine.remove()


@pytest.fixture
def center(tmp_path: Path, fleet: list[Far]) -> Iterator[Center]:
    center = Center(tmp_path / "center", [far.machine.gateway for far in fleet])
    center.json("token", "create", "--role", "operator", "--name", "first")
    center.serve()
    for far in fleet:
        center.admit(far, "host", far.machine.gateway)
    yield center
    center.kill()


def test_nothing_is_lost_when_cables_daemons_and_the_service_fail(
    fleet: list[Far], center: Center, supernet: str
) -> None:
    cut, killed, _ = fleet
    for far in fleet:
        far.daemon()
    until(lambda: all(far.log.exists() and far.said("connected") for far in fleet))
    configurations = {row["cpu"]: row["configuration_id"] for row in center.json("configs")}
    with Writer(center) as writer:
        searches = [
            center.start(*search(supernet, configurations[processor])) for processor in PROCESSORS
        ]
        until(lambda: cut.said("measuring_started"))
        cut.machine.cut()
        until(lambda: killed.said("measuring_started"))
        killed.kill()
        killed.daemon()
        before = len(writer.acknowledged)
        until(lambda: len(writer.acknowledged) > before + 20)
        center.kill()
        until(lambda: writer.failures)
        center.serve()
        cut.machine.join()
        for processor, running in zip(PROCESSORS, searches, strict=True):
            if running.wait(PATIENCE_S) == 3:  # the service was away when it wrote: once more
                center.run(*search(supernet, configurations[processor]))
            else:
                assert running.returncode == 0

    found = center.query("SELECT measurement_id FROM measurement WHERE host_id = 'host-1'")
    written = [row["measurement_id"] for row in found]
    assert len(written) == len(set(written))
    assert set(writer.acknowledged) <= set(written)
    measured = center.query(
        "SELECT configuration_id, subnet_id, count(*) AS n FROM measurement "
        "WHERE metric = 'latency_ms' AND host_id <> 'host-1' GROUP BY ALL"
    )
    assert {row["n"] for row in measured} == {1}
    assert len(measured) == EVALUATIONS * len(PROCESSORS)
    jobs = center.query("SELECT configuration_id, status FROM job")
    assert {job["status"] for job in jobs} == {"finished"}
    assert {job["configuration_id"] for job in jobs} == {
        configurations[processor] for processor in PROCESSORS
    }
    assert "sound" in center.run("check").stdout
    for far in fleet:
        assert far.process is not None
        far.process.send_signal(signal.SIGTERM)
        assert far.process.wait(PATIENCE_S) == 0


def search(supernet: str, configuration: str) -> list[str]:
    size = ("--evaluations", str(EVALUATIONS), "--tactic", "random", "--config", configuration)
    return ["search", supernet, "--objective", "params", "--objective", "latency_ms", *size]

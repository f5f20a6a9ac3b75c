import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from latbase import supernets
from latbase.db.records import Configuration, Subnet
from latbase.db.records import Supernet as SupernetRecord
from latbase.profiler import Failure, Fingerprint, Measured, fingerprint, measure
from latbase.profiler.protocol import ProtocolSettings

TOY = f"{Path(__file__).with_name('toy_supernet.py')}:Toy"

FAST = ProtocolSettings(
    name="fast",
    samples_per_visit=2,
    min_rounds=3,
    max_rounds=6,
    interval_percent=1.0,
    time_cap_s=5.0,
    window=3,
)


def measured(results: list[Measured | Failure]) -> list[Measured]:
    assert not [result for result in results if isinstance(result, Failure)]
    return [result for result in results if isinstance(result, Measured)]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The toy supernet on this host, with a state directory of its own."""

    network: supernets.Supernet
    fingerprint: Fingerprint
    state_dir: Path
    events: list[str]

    def subnet(self, behaviour: str = "ok", width: int = 8, depth: int = 2) -> Subnet:
        config = {"width": width, "depth": depth, "behaviour": behaviour}
        genotype = self.network.space.from_configs([config])
        definition = self.network.space.definition()
        supernet = SupernetRecord.of(self.network.name, definition)
        return Subnet.of(supernet.supernet_id, tuple(int(v) for v in genotype[0]), config)

    def subnets(self, count: int, behaviour: str = "ok") -> list[Subnet]:
        sizes = [(width, depth) for width in (8, 16, 32) for depth in (2, 3, 4)]
        return [self.subnet(behaviour, width, depth) for width, depth in sizes[:count]]

    def configuration(self, **fields: Any) -> Configuration:
        base = Configuration.of(hardware_id=self.fingerprint.hardware.hardware_id, input_size=16)
        changed = dataclasses.asdict(base) | fields
        changed.pop("configuration_id")
        return Configuration.of(**changed)

    def measure(
        self, *subnets: Subnet, settings: ProtocolSettings = FAST, **fields: Any
    ) -> Generator[Measured | Failure, None, None]:
        return measure(
            self.network,
            subnets,
            self.configuration(**fields),
            fingerprint=self.fingerprint,
            state_dir=self.state_dir,
            protocol=settings,
            loads_as=TOY,
            on_event=self.events.append,
        )


@pytest.fixture(scope="session")
def this_host(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    return fingerprint(tmp_path_factory.mktemp("host"))


@pytest.fixture
def bench(tmp_path: Path, this_host: Fingerprint) -> Bench:
    return Bench(network=supernets.load(TOY), fingerprint=this_host, state_dir=tmp_path, events=[])


@pytest.fixture
def private_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep tests from waiting for real measurements on this machine, or for each other."""
    monkeypatch.setattr("latbase.profiler.locks.lock_directory", lambda: tmp_path)

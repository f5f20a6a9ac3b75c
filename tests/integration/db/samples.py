"""A small world of records: one host, one configuration, one supernet, sub-networks as needed."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from latbase.db.records import (
    STABLE,
    Configuration,
    Environment,
    Evaluation,
    Hardware,
    Host,
    Measurement,
    Record,
    Search,
    SearchStatus,
    Source,
    Subnet,
    Supernet,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """Records that belong together; ``base`` is what measurements refer to."""

    hardware: Hardware = field(
        default_factory=lambda: Hardware.of({"cpu_brand": "Xeon", "cores": 2})
    )
    environment: Environment = field(default_factory=lambda: Environment.of({"torch": "2.13.0"}))
    supernet: Supernet = field(default_factory=lambda: Supernet.of("toy", {"depth": [2, 3]}))

    @property
    def host(self) -> Host:
        return Host(
            host_id="host-1",
            host_name="bench",
            hardware_id=self.hardware.hardware_id,
            latbase_version="0.1.0",
            seen_at=NOON,
        )

    @property
    def configuration(self) -> Configuration:
        return Configuration.of(hardware_id=self.hardware.hardware_id)

    def subnet(self, number: int) -> Subnet:
        genotype = (number % 100, number // 100)
        return Subnet.of(self.supernet.supernet_id, genotype, {"number": number})

    def base(self, subnets: int = 3) -> list[Record]:
        return [
            self.hardware,
            self.environment,
            self.host,
            self.configuration,
            self.supernet,
            *(self.subnet(number) for number in range(subnets)),
        ]

    def measurement(
        self,
        number: int = 0,
        *,
        value: float = 10.0,
        verdict: str = STABLE,
        minutes: float = 0,
        metric: str = "latency_ms",
    ) -> Measurement:
        return Measurement(
            measurement_id=str(uuid.uuid4()),
            subnet_id=self.subnet(number).subnet_id,
            configuration_id=self.configuration.configuration_id,
            environment_id=self.environment.environment_id,
            host_id="host-1",
            metric=metric,
            value=value,
            interval=(value * 0.99, value * 1.01),
            statistic="median",
            samples=(value, value * 1.5),
            verdict=verdict,
            stopped_by="rounds",
            protocol={"rounds": 2},
            conditions={"load": 0.1},
            measured_at=NOON + timedelta(minutes=minutes),
        )

    def search(self, status: SearchStatus = SearchStatus.RUNNING) -> Search:
        return Search(
            search_id="0190-search",
            supernet_id=self.supernet.supernet_id,
            configuration_id=self.configuration.configuration_id,
            tactic="full",
            objectives=({"name": "top1", "maximize": True}, {"name": "latency_ms"}),
            options={"evaluations": 10},
            seed=0,
            status=status,
            created_at=NOON,
        )

    def evaluation(self, position: int, *, on_front: bool = False) -> Evaluation:
        return Evaluation(
            search_id="0190-search",
            position=position,
            batch=0,
            subnet_id=self.subnet(position).subnet_id,
            values=(76.0, 10.0 + position),
            sources=(Source.PREDICTED, Source.MEASURED),
            on_front=on_front,
        )

"""A store as it looks after some use: two configurations measured, four searches done."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from latbase import supernets
from latbase.db import Store, connect
from latbase.db.jobs import JobRequest
from latbase.db.networks import subnets_of, supernet_of
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
)
from latbase.searcher.objectives import Objective, minimised, objective_facts

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SUPERNET = "ofa_mbv3_d234_e346_k357_w1.0"
OBJECTIVES = (Objective("top1", maximize=True), Objective("latency_ms"))
EVALUATIONS = 60

Genotypes = npt.NDArray[np.int8]
Values = npt.NDArray[np.float64]


def latencies(genotypes: Genotypes, threads: int) -> Values:
    """Return milliseconds, float (n,): by work with few threads, by depth with many."""
    net = supernets.load(SUPERNET)
    depth = net.space.active(genotypes).sum(axis=1)
    return np.asarray(4.0 + net.costs(genotypes)[:, 0] / (2e7 * threads) + 0.05 * threads * depth)


def write(path: Path) -> tuple[str, ...]:
    """Fill a new store; returns the ids of its searches: seeds 0 and 1 on each configuration."""
    network = supernets.load(SUPERNET)
    hardware = Hardware.of({"cpu_brand": "Example CPU", "cores": 8})
    environment = Environment.of({"torch": "2.13.0"})
    host = Host(
        host_id="host-1",
        host_name="bench",
        hardware_id=hardware.hardware_id,
        latbase_version="0.1.0",
        seen_at=datetime.now(UTC),
    )
    places = [Configuration.of(hardware_id=hardware.hardware_id, threads=n) for n in (1, 8)]
    sampled = network.space.sample(EVALUATIONS * 4, seed=0)
    ids = tuple(f"{place.threads}{seed}search" for place in places for seed in (0, 1))
    with connect(path) as store:
        store.write([hardware, environment, host, supernet_of(network), *places])
        store.write(list(_measurements(sampled, places, environment)))
        for number, search_id in enumerate(ids):
            genotypes = sampled[number * EVALUATIONS : (number + 1) * EVALUATIONS]
            _write_search(store, search_id, genotypes, places[number // 2], number % 2)
        wanted = subnets_of(network, sampled[:3])
        store.jobs.enqueue(
            [
                JobRequest(
                    job_id=str(uuid.uuid4()),
                    subnet_id=subnet.subnet_id,
                    configuration_id=places[0].configuration_id,
                )
                for subnet in wanted
            ]
        )
    return ids


def _measurements(
    genotypes: Genotypes, places: list[Configuration], environment: Environment
) -> Iterator[Record]:
    subnets = subnets_of(supernets.load(SUPERNET), genotypes)
    yield from subnets
    for place in places:
        values = latencies(genotypes, place.threads).tolist()
        for number, (subnet, value) in enumerate(zip(subnets, values, strict=True)):
            yield Measurement(
                measurement_id=str(uuid.uuid4()),
                subnet_id=subnet.subnet_id,
                configuration_id=place.configuration_id,
                environment_id=environment.environment_id,
                host_id="host-1",
                metric="latency_ms",
                value=value,
                interval=(value * 0.99, value * 1.01),
                statistic="median",
                samples=(value, value * 1.02),
                verdict=STABLE,
                stopped_by="rounds",
                protocol={"rounds": 2},
                conditions={"load": 0.1},
                measured_at=NOON + timedelta(seconds=number),
            )


def _write_search(
    store: Store, search_id: str, genotypes: Genotypes, place: Configuration, seed: int
) -> None:
    network = supernets.load(SUPERNET)
    values = np.column_stack(
        [network.predicted_top1(genotypes), latencies(genotypes, place.threads)]
    )
    on_front = minimised(OBJECTIVES, values).front()
    record = Search(
        search_id=search_id,
        supernet_id=supernet_of(network).supernet_id,
        configuration_id=place.configuration_id,
        tactic="random",
        objectives=tuple(objective_facts(each) for each in OBJECTIVES),
        options={"evaluations": EVALUATIONS, "algorithm": "nsga2"},
        seed=seed,
        status=SearchStatus.FINISHED,
        created_at=NOON + timedelta(minutes=place.threads + seed),
    )
    rows = [
        Evaluation(
            search_id=search_id,
            position=position,
            batch=position // 10,
            subnet_id=subnet.subnet_id,
            values=tuple(row),
            sources=(Source.PREDICTED, Source.MEASURED),
            on_front=bool(on_front[position]),
        )
        for position, (subnet, row) in enumerate(
            zip(subnets_of(network, genotypes), values.tolist(), strict=True)
        )
    ]
    store.write([record, *rows])

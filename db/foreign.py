"""Read what other tools recorded: DyNAS-T result files, and anyone's latency tables."""

import ast
import csv
import hashlib
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from latbase.db import networks
from latbase.db.records import (
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
)
from latbase.errors import InvalidInputError
from latbase.identity import canonical_json

RECORDED = "recorded"
"""Tactic, host and statistic of what was not measured here."""

WHOLE = ""
"""Stands for the whole config among the parameters of :class:`LatencyColumns`."""

DYNAST_COLUMNS = {
    "top-1 acc (%)": ("top1", True),
    "accuracy top-1 (%)": ("top1", True),
    "latency (ms)": ("latency_ms", False),
    "macs": ("macs", False),
    "model parameters": ("params", False),
}
"""Result columns of DyNAS-T, in lower case: our objective, and whether more is better."""


class Space(networks.Space, Protocol):
    """What is needed of a search space to read configs of others."""

    def smallest(self) -> networks.Genotypes:
        """Return any genotype, int8 (1, p)."""

    def from_configs(self, configs: Sequence[Mapping[str, object]], /) -> networks.Genotypes:
        """Return the genotypes of configs."""


class Network(Protocol):
    """What is needed of a supernet."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def space(self) -> Space:
        """Its search space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyColumns:
    """Where a table of latencies keeps what.

    Attributes:
        latency: column of the latency.
        config: columns of the sub-network by parameter of ours (``{"ks": "kernel"}``), each cell a
            number or a list; or, under :data:`WHOLE`, one column with a whole config as JSON.
        unit_ms: milliseconds of one unit of the latency column.
    """

    latency: str
    config: Mapping[str, str]
    unit_ms: float = 1.0


def read_dynast(path: Path, network: Network) -> list[Record]:
    """Return a DyNAS-T result file as one finished search with recorded evaluations.

    Reading the same file again gives the same records.

    Raises:
        InvalidInputError: it is no such file, or its sub-networks are not of ``network``.
    """
    columns, lines = _dynast_lines(path)
    objectives = {c: DYNAST_COLUMNS[c] for c in columns if c in DYNAST_COLUMNS}
    if "sub-network" not in columns or not objectives:
        raise InvalidInputError(
            f"{path} is no DyNAS-T result file: it has the columns {', '.join(columns)}, expected "
            f"sub-network and some of {', '.join(DYNAST_COLUMNS)}."
        )
    try:
        configs = [ast.literal_eval(line["sub-network"]) for line in lines]
        values = [tuple(float(line[column]) for column in objectives) for line in lines]
    except (ValueError, SyntaxError, TypeError) as error:
        raise InvalidInputError(f"{path} has a line that cannot be read: {error}.") from error
    supernet, subnets = networks.supernet_of(network), _subnets(network, configs, path)
    search = Search(
        search_id=_uuid(file=_digest(path), supernet=network.name),
        supernet_id=supernet.supernet_id,
        configuration_id=None,
        tactic=RECORDED,
        objectives=tuple({"name": name, "maximize": more} for name, more in objectives.values()),
        options={"file": path.name, "format": "dynast"},
        seed=0,
        status=SearchStatus.FINISHED,
        created_at=_changed_at(path),
    )
    evaluations = [
        Evaluation(
            search_id=search.search_id,
            position=position,
            batch=0,
            subnet_id=subnet.subnet_id,
            values=vector,
            sources=(Source.RECORDED,) * len(vector),
            on_front=False,
        )
        for position, (subnet, vector) in enumerate(zip(subnets, values, strict=True))
    ]
    return [supernet, *subnets, search, *evaluations]


def read_latencies(
    path: Path, network: Network, columns: LatencyColumns, *, device_name: str, batch_size: int = 1
) -> list[Record]:
    """Return a CSV or Parquet table of latencies as measurements of a device that is only named.

    One value is all there is, so the interval is that value and the verdict ``unstable``. Reading
    the same file again gives the same records.

    Raises:
        InvalidInputError: a column is missing, or a sub-network is not of ``network``.
    """
    table = _table(path)
    wanted = {columns.latency, *columns.config.values()}
    if missing := sorted(wanted - set(table.column_names)):
        raise InvalidInputError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}."
        )
    lines = table.select(sorted(wanted)).to_pylist()
    kept = [line for line in lines if line[columns.latency] is not None]
    try:
        configs = [_config(line, columns.config) for line in kept]
    except ValueError as error:
        raise InvalidInputError(f"{path} has a config that is not JSON: {error}.") from error
    subnets, at = _subnets(network, configs, path), _changed_at(path)
    device, digest = _device(device_name, batch_size, at), _digest(path)
    measurements = []
    for row, (subnet, line) in enumerate(zip(subnets, kept, strict=True)):
        value = _latency(line[columns.latency], path) * columns.unit_ms
        measurements.append(
            Measurement(
                measurement_id=_uuid(file=digest, column=columns.latency, row=row),
                subnet_id=subnet.subnet_id,
                configuration_id=device.configuration.configuration_id,
                environment_id=device.environment.environment_id,
                host_id=device.host.host_id,
                metric="latency_ms",
                value=value,
                interval=(value, value),
                statistic=RECORDED,
                samples=(value,),
                verdict="unstable",
                reasons=("Recorded elsewhere: nothing is known of its repeatability.",),
                stopped_by=RECORDED,
                protocol={},
                conditions={"file": path.name},
                measured_at=at,
            )
        )
    return [
        device.hardware,
        device.environment,
        device.host,
        device.configuration,
        networks.supernet_of(network),
        *subnets,
        *measurements,
    ]


def _dynast_lines(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as CSV: {error}.") from error
    columns = [name.strip().lower() for name in header]
    return columns, [dict(zip(columns, line, strict=False)) for line in lines if line]


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path) if path.suffix == ".parquet" else pa_csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(f"{path} cannot be read as CSV or Parquet: {error}.") from error


def _config(line: Mapping[str, object], config: Mapping[str, str]) -> Mapping[str, object]:
    if WHOLE in config:
        whole = _cell(line[config[WHOLE]])
        return whole if isinstance(whole, dict) else {}
    return {name: _cell(line[column]) for name, column in config.items()}


def _cell(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _latency(cell: object, path: Path) -> float:
    try:
        value = float(str(cell))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InvalidInputError(
            f"{path} has the latency {cell!r}; expected a positive number, or nothing."
        )
    return value


def _subnets(
    network: Network, configs: Sequence[Mapping[str, object]], path: Path
) -> Sequence[Subnet]:
    # What is no parameter of the space goes, as DyNAS-T's "wid" and input size "r".
    known = network.space.to_configs(network.space.smallest())[0].keys()
    trimmed = [{name: c[name] for name in c if name in known} for c in configs]
    try:
        genotypes = network.space.from_configs(trimmed)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{path} names sub-networks that are not of {network.name}: {error}"
        ) from error
    return networks.subnets_of(network, genotypes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    """A device that is only named, with everything measurements refer to."""

    hardware: Hardware
    environment: Environment
    host: Host
    configuration: Configuration


def _device(name: str, batch_size: int, at: datetime) -> _Device:
    hardware = Hardware.of({RECORDED: name})
    return _Device(
        hardware=hardware,
        environment=Environment.of({RECORDED: True}),
        host=Host(
            host_id=hardware.hardware_id,
            host_name=name,
            hardware_id=hardware.hardware_id,
            latbase_version=RECORDED,
            seen_at=at,
        ),
        configuration=Configuration.of(
            hardware_id=hardware.hardware_id,
            device=RECORDED,
            engine=RECORDED,
            batch_size=batch_size,
        ),
    )


def _uuid(**facts: object) -> str:
    """Return an id that depends on the facts only, shaped like a UUIDv7 of 1970."""
    number = int.from_bytes(hashlib.sha256(canonical_json(facts).encode()).digest()[:10])
    number = number & ~(0xF << 76) | (7 << 76)
    return str(uuid.UUID(int=number & ~(0b11 << 62) | (0b10 << 62)))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)

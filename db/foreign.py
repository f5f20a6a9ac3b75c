"""Read what other tools recorded: DyNAS-T result files, and anyone's latency tables."""

import ast
import csv
import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    def default_input_size(self) -> int:
        """What its inputs usually measure, in pixels or tokens."""

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
    configs: dict[str, object] = {}
    values: list[tuple[float, ...]] = []
    for number, line in lines:
        place = f"{path}, line {number},"
        with _readable(place):
            cells = dict(zip(columns, line, strict=False))
            if missing := [column for column in columns if column not in cells]:
                raise ValueError(f"it ends before {missing[0]}")
            configs[place] = ast.literal_eval(cells["sub-network"])
            values.append(tuple(float(cells[column]) for column in objectives))
    supernet, subnets = networks.supernet_of(network), _subnets(network, configs)
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
    if not 0 < columns.unit_ms < math.inf:
        raise InvalidInputError(
            f"A unit of {columns.unit_ms} ms makes no latencies; expected a positive number."
        )
    table = _table(path)
    wanted = {columns.latency, *columns.config.values()}
    if missing := sorted(wanted - set(table.column_names)):
        raise InvalidInputError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}."
        )
    lines = table.select(sorted(wanted)).to_pylist()
    configs: dict[str, object] = {}
    kept = []
    for number, line in enumerate(lines, 1):
        if line[columns.latency] is not None:
            place = f"{path}, row {number},"
            with _readable(place):
                configs[place] = _config(line, columns.config)
            kept.append(line)
    subnets, digest = _subnets(network, configs), _digest(path)
    device = _device(device_name, batch_size, network.default_input_size, _changed_at(path))
    # What is taken in last counts: the same file with the right unit corrects a wrong one.
    at = datetime.now(UTC)
    measurements = []
    for row, (subnet, line) in enumerate(zip(subnets, kept, strict=True)):
        value = _latency(line[columns.latency], path) * columns.unit_ms
        measurements.append(
            Measurement(
                measurement_id=_uuid(
                    file=digest,
                    column=columns.latency,
                    row=row,
                    unit_ms=columns.unit_ms,
                    subnet=subnet.subnet_id,
                    configuration=device.configuration.configuration_id,
                ),
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


def _dynast_lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the columns, and the lines with their numbers."""
    found: list[tuple[int, list[str]]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            found.extend((reader.line_num, line) for line in reader if line)
    except csv.Error as error:
        place = f"{path}, line {found[-1][0] + 1 if found else 1},"
        raise InvalidInputError(f"{place} cannot be read as CSV: {error}.") from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as CSV: {error}.") from error
    if not found:
        raise InvalidInputError(f"{path} cannot be read as CSV: it is empty.")
    (_, header), *lines = found
    return [name.strip().lower() for name in header], lines


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Say of what cannot be read where it is: files of others are cut off, or made by hand."""
    try:
        yield
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        reason = str(error) or "it is nested too deeply"
        raise InvalidInputError(f"{place} cannot be read: {reason}.") from error


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path) if path.suffix == ".parquet" else pa_csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(f"{path} cannot be read as CSV or Parquet: {error}.") from error


def _config(line: Mapping[str, object], config: Mapping[str, str]) -> object:
    if WHOLE in config:
        return _cell(line[config[WHOLE]])
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


def _subnets(network: Network, configs: Mapping[str, object]) -> Sequence[Subnet]:
    """Return the sub-networks of configs by the place where each was read."""
    # What is no parameter of the space goes, as DyNAS-T's "wid" and input size "r".
    known = network.space.to_configs(network.space.smallest())[0].keys()
    trimmed = {}
    for place, config in configs.items():
        if not isinstance(config, Mapping):
            raise InvalidInputError(f"{place} has the sub-network {config!r}; expected parameters.")
        trimmed[place] = {name: config[name] for name in config if name in known}
    try:
        genotypes = network.space.from_configs(list(trimmed.values()))
    except (InvalidInputError, TypeError):
        for place, config in trimmed.items():
            _refuse_strange(network, place, config)
        raise
    return networks.subnets_of(network, genotypes)


def _refuse_strange(network: Network, place: str, config: Mapping[str, object]) -> None:
    try:
        network.space.from_configs([config])
    except (InvalidInputError, TypeError) as error:
        raise InvalidInputError(
            f"{place} names a sub-network that is not of {network.name}: {error}"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    """A device that is only named, with everything measurements refer to."""

    hardware: Hardware
    environment: Environment
    host: Host
    configuration: Configuration


def _device(name: str, batch_size: int, input_size: int, at: datetime) -> _Device:
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
            input_size=input_size,
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

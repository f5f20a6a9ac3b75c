"""The rows of a latency store as value types.

Dictionaries stop at the SQL and JSON borders; everything between them is one of these. Ids of
hardware, environment, configuration, supernet and subnet are content hashes
(:func:`latbase.identity.content_id`), so any host computes them alike; measurement ids are UUIDv7
made by the measuring host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from latbase.identity import content_id

Facts = Mapping[str, object]
"""A JSON object of facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a host *is*: stable facts only, hashed whole."""

    hardware_id: str
    facts: Facts

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """Make the record of ``facts`` with its content id."""
        return cls(hardware_id=content_id("hardware", facts), facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The software that decides speed, hashed whole."""

    environment_id: str
    facts: Facts

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """Make the record of ``facts`` with its content id."""
        return cls(environment_id=content_id("environment", facts), facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine that measures; its id is random, made once and kept on that host's disk."""

    host_id: str
    host_name: str
    hardware_id: str
    latbase_version: str
    seen_at: datetime


PRECISIONS = ("fp32", "bf16", "fp16", "int8")
ENGINES = ("eager", "torchscript", "compile", "cudagraph", "onnxruntime", "openvino")
MEMORY_FORMATS = ("contiguous", "channels_last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The key under which latencies are comparable.

    Attributes:
        device: ``cpu``, or ``cuda`` (which card is part of the hardware facts).
        threads: intra-op threads of the measured process.
        batch_size: items per forward pass.
        precision: one of :data:`PRECISIONS`.
        engine: one of :data:`ENGINES`.
        memory_format: one of :data:`MEMORY_FORMATS`.
        input_size: input side in pixels, or sequence length in tokens.
    """

    configuration_id: str
    hardware_id: str
    device: str
    threads: int
    batch_size: int
    precision: str
    engine: str
    memory_format: str
    input_size: int

    @classmethod
    def of(
        cls,
        *,
        hardware_id: str,
        device: str = "cpu",
        threads: int = 1,
        batch_size: int = 1,
        precision: str = "fp32",
        engine: str = "eager",
        memory_format: str = "contiguous",
        input_size: int = 224,
    ) -> Self:
        """Make the record with its content id."""
        key = {
            "hardware_id": hardware_id,
            "device": device,
            "threads": threads,
            "batch_size": batch_size,
            "precision": precision,
            "engine": engine,
            "memory_format": memory_format,
            "input_size": input_size,
        }
        return cls(
            configuration_id=content_id("configuration", key),
            hardware_id=hardware_id,
            device=device,
            threads=threads,
            batch_size=batch_size,
            precision=precision,
            engine=engine,
            memory_format=memory_format,
            input_size=input_size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Supernet:
    """A super-network known to the store; the id hashes name and search-space definition."""

    supernet_id: str
    supernet: str
    definition: Facts

    @classmethod
    def of(cls, name: str, definition: Facts) -> Self:
        """Make the record of the supernet ``name`` with its content id."""
        facts = {"supernet": name, "definition": definition}
        return cls(supernet_id=content_id("supernet", facts), supernet=name, definition=definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """One sub-network: ``config`` is the canonical configuration, ``genotype`` its int8 row."""

    subnet_id: str
    supernet_id: str
    genotype: tuple[int, ...]
    config: Facts

    @classmethod
    def of(cls, supernet_id: str, genotype: tuple[int, ...], config: Facts) -> Self:
        """Make the record with its content id, which depends on supernet and config only."""
        facts = {"supernet_id": supernet_id, "config": config}
        return cls(
            subnet_id=content_id("subnet", facts),
            supernet_id=supernet_id,
            genotype=genotype,
            config=config,
        )


STABLE = "stable"
"""The verdict of a measurement without complaints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One metric of one sub-network on one configuration.

    Attributes:
        measurement_id: UUIDv7 text, made by the measuring host.
        metric: name with its unit: ``latency_ms``, ``throughput_items_per_s``,
            ``peak_memory_bytes``, ``energy_mj``.
        value: the summary, in the metric's unit.
        interval: lower and upper end of the 95 % interval of ``value``, same unit.
        statistic: how ``value`` was derived from the samples, e.g. ``drift-adjusted median``.
        samples: raw readings in the metric's unit, in order of measuring.
        cpu_samples: CPU time of the same readings, same unit; empty where it does not apply.
        verdict: ``stable``, or ``unstable`` / ``disturbed``; reasons say why, in words.
        stopped_by: the stop rule that ended sampling (``interval``, ``rounds``, ``time``).
        protocol: the settings of the measuring protocol.
        conditions: host readings before and after (load, steal, clocks, temperature, …).
    """

    measurement_id: str
    subnet_id: str
    configuration_id: str
    environment_id: str
    host_id: str
    metric: str
    value: float
    interval: tuple[float, float]
    statistic: str
    samples: tuple[float, ...]
    cpu_samples: tuple[float, ...] = ()
    verdict: str
    reasons: tuple[str, ...] = ()
    stopped_by: str
    protocol: Facts
    conditions: Facts
    measured_at: datetime


class SearchStatus(StrEnum):
    """Where a search stands."""

    RUNNING = "running"
    """Started; if its process is gone it can be resumed."""
    FINISHED = "finished"
    """Reached its number of evaluations."""
    STOPPED = "stopped"
    """Ended by a person before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search: everything needed to run it again or to resume it.

    Attributes:
        search_id: UUIDv7 text.
        objectives: one JSON object per objective: name, maximize, source.
        options: tactic options, evaluations, seed and what else reproduces the search.
        configuration_id: where measured objectives are measured; None if nothing is.
    """

    search_id: str
    supernet_id: str
    configuration_id: str | None
    tactic: str
    objectives: tuple[Facts, ...]
    options: Facts
    seed: int
    status: SearchStatus
    created_at: datetime


class Source(StrEnum):
    """Where the value of an objective comes from."""

    MEASURED = "measured"
    PREDICTED = "predicted"
    ANALYTIC = "analytic"
    PROXY = "proxy"
    RECORDED = "recorded"
    VALIDATED = "validated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One value of one sub-network that no hardware decides: validated, or a proxy.

    Attributes:
        metric: objective name with its unit; ``top1`` is in percent.
        conditions: what the value depends on besides the sub-network: data set, weights, …
        conditions_id: their hash; values are comparable where it agrees.
    """

    validation_id: str
    subnet_id: str
    metric: str
    value: float
    source: Source
    conditions: Facts
    conditions_id: str
    validated_at: datetime

    @classmethod
    def of(
        cls, *, subnet_id: str, metric: str, value: float, source: Source, conditions: Facts
    ) -> Self:
        """Make the record of a value that was found just now, with its content id."""
        conditions_id = content_id("conditions", conditions)
        key = {"subnet_id": subnet_id, "metric": metric, "conditions_id": conditions_id}
        return cls(
            validation_id=content_id("validation", key),
            subnet_id=subnet_id,
            metric=metric,
            value=value,
            source=source,
            conditions=conditions,
            conditions_id=conditions_id,
            validated_at=datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One objective vector of one sub-network inside a search.

    Attributes:
        position: 0-based order within the search; (search_id, position) is the key.
        batch: 0-based number of the ask/tell round.
        values: one number per objective, in the objectives' own units and senses.
        sources: one :class:`Source` per objective.
        on_front: whether it is non-dominated among the search's evaluations.
    """

    search_id: str
    position: int
    batch: int
    subnet_id: str
    values: tuple[float, ...]
    sources: tuple[Source, ...]
    on_front: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """Recipe and scores of a fitted predictor, never the model (DESIGN.md, decision 5).

    Attributes:
        metric: what it predicts, with its unit.
        kind: ``ridge``, ``svr``, ``gp``, …
        recipe: settings that refit it from the store's rows.
        n_train: rows it was fitted on.
        kendall_tau: rank correlation on held-out rows.
        mape_percent: mean absolute percentage error on held-out rows.
    """

    predictor_id: str
    supernet_id: str
    configuration_id: str
    metric: str
    kind: str
    recipe: Facts
    n_train: int
    kendall_tau: float
    mape_percent: float
    fitted_at: datetime


Record = (
    Hardware
    | Environment
    | Host
    | Configuration
    | Supernet
    | Subnet
    | Measurement
    | Validation
    | Search
    | Evaluation
    | Predictor
)
"""What :meth:`Store.write` accepts."""

"""Measuring sub-networks on this host: drives a timing child, streams results, survives kills.

Results stream out one by one. Every visit is spooled to local disk before the next begins, so that
a session that is killed loses at most the visit in flight, and the next one with the same
configuration and supernet begins with what the spool holds.
"""

import math
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from latbase.db.records import Configuration, Facts, Measurement, Subnet
from latbase.errors import MeasurementError
from latbase.profiler import protocol as rules
from latbase.profiler.anchor import Scale
from latbase.profiler.child import ChildDiedError, Stage
from latbase.profiler.conditions import (
    Conditions,
    read_conditions,
    read_gpu_conditions,
    throttle_events,
)
from latbase.profiler.feasibility import refuse_impossible
from latbase.profiler.fingerprint import Fingerprint
from latbase.profiler.ledger import Block, Built, Ledger
from latbase.profiler.locks import device_lock
from latbase.profiler.messages import WorkerSpec
from latbase.profiler.placement import choose_cpus, choose_gpu
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.probes.gpu import Gpu
from latbase.profiler.protocol import ProtocolSettings, Rota, StopRule
from latbase.profiler.references import References
from latbase.profiler.results import Finding, Identity, measurements
from latbase.profiler.spool import Spool
from latbase.profiler.verdict import disturbances, judge
from latbase.supernets.supernet import Supernet

MEMORY_SHARE = 0.5
"""Of the free memory, what the sub-networks held ready may take."""

BYTES_PER_PARAMETER = 8
"""Weights in fp32, and once more as the engine lays them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A sub-network that was measured: its latency first, then its other metrics."""

    subnet_id: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A sub-network that could not be measured, and why."""

    subnet_id: str
    reason: str


Result = Measured | Failure


def measure(
    network: Supernet,
    subnets: Sequence[Subnet],
    configuration: Configuration,
    *,
    fingerprint: Fingerprint,
    state_dir: Path,
    protocol: ProtocolSettings = rules.DEFAULT,
    device: str | None = None,
    loads_as: str | None = None,
    on_event: Callable[[str], None] | None = None,
) -> Generator[Result, None, None]:
    """Measure ``subnets`` on this host and yield each result as it is ready.

    Asking for the next result says that the last one is safe. A result that was yielded when the
    process died is yielded again, under the same ids. Ask for all of them from one thread: the
    timing child ends with the thread that started it.

    Args:
        network: the supernet.
        subnets: its sub-networks, without repetition.
        configuration: of this host's hardware.
        fingerprint: of this host.
        state_dir: holds spool and scale.
        protocol: how thoroughly to measure.
        device: which device of the configuration's kind, e.g. ``cuda:1`` or a GPU's serial.
        loads_as: what the timing child loads the supernet by where that is not its name:
            ``path/to/file.py:Name``.
        on_event: is told, in words, when the session waits for the device or loses its child;
            without it a device that is being measured already is an error.

    Raises:
        InvalidInputError: this host cannot measure on the configuration.
        DeviceError: the device does not exist.
        MeasurementError: nothing can be measured here; single sub-networks fail as results.
    """
    refuse_impossible(configuration, fingerprint, device)
    gpu = None
    if configuration.device != "cpu":
        gpu = choose_gpu(fingerprint.gpus, device or configuration.device)
    supernet_id = subnets[0].supernet_id if subnets else ""
    environment_id = fingerprint.environment.environment_id
    name = f"{configuration.configuration_id}-{environment_id}-{supernet_id}"
    if gpu is not None:
        name += f"-{gpu.card_uuid}"  # identical cards are measured at the same time
    with ExitStack() as stack:
        lock = gpu.card_uuid if gpu else "cpu"
        stack.enter_context(device_lock(lock, on_wait=on_event))
        session = Session(
            network=network,
            subnets={subnet.subnet_id: subnet for subnet in subnets},
            configuration=configuration,
            fingerprint=fingerprint,
            settings=protocol,
            spool=stack.enter_context(Spool(state_dir / "spool" / f"{name}.jsonl")),
            scale=state_dir / "scale" / f"{name}.json",
            gpu=gpu,
            loads_as=loads_as or network.name,
            on_event=on_event or (lambda _: None),
        )
        stack.callback(session.close)
        yield from session.results()


class Session:
    """One run of :func:`measure`; holds the device while it lives."""

    def __init__(
        self,
        *,
        network: Supernet,
        subnets: dict[str, Subnet],
        configuration: Configuration,
        fingerprint: Fingerprint,
        settings: ProtocolSettings,
        spool: Spool,
        scale: Path,
        gpu: Gpu | None,
        loads_as: str,
        on_event: Callable[[str], None],
    ) -> None:
        self._network = network
        self._subnets = subnets
        self._configuration = configuration
        self._fingerprint = fingerprint
        self._settings = settings
        self._spool = spool
        self._gpu = gpu
        self._loads_as = loads_as
        self._on_event = on_event
        self._files = HostFiles()
        self._cpus = choose_cpus(fingerprint.cores, fingerprint.limits, configuration.threads)
        self._window = self._active_at_once()
        self._ledger = Ledger()
        self._references = References(
            network, beside=min(len(subnets), self._window), ledger=self._ledger, file=scale
        )
        self._built: dict[str, Built] = {}
        self._before: dict[str, Conditions] = {}
        self._visits = self._rounds = 0
        cheap = configuration.device == "cpu" and configuration.engine == "eager"
        # A GPU needs seconds to warm up again, and compiling takes up to a minute per sub-network.
        self._rounds_per_process = settings.rounds_per_process if cheap else None
        # Compiled code may hold copies of the weights, which cannot be moved.
        self._rounds_per_place = settings.rounds_per_place if cheap else None
        self._epoch = uuid.uuid4().hex[:8]
        self._throttle_events = throttle_events(self._files, self._cpus)
        self._stage = Stage(self._worker_spec(), lambda key: self._subnet(key).config)

    def close(self) -> None:
        """End the timing child."""
        self._stage.close()

    def results(self) -> Iterator[Result]:
        """Measure everything; yields in the order sub-networks finish."""
        finished = self._restore()
        for key, rule in finished.items():
            # As it was when it began: what the host has counted since is not its disturbance.
            yield self._finish(key, rule, self._before[key])
        self._before.clear()  # what it counted while nobody measured is not the others' either
        waiting = [key for key in self._subnets if key not in finished]
        rota = Rota(waiting, window=self._window, seed=int(self._epoch, 16))
        while rota:
            yield from self._round(rota)
        self._spool.clear()

    def _restore(self) -> dict[str, StopRule]:
        """Take in what an earlier session spooled; return which sub-networks it finished."""
        rows = list(self._spool.rows())
        if not any(row.subject in self._subnets for row in rows):
            self._spool.clear()
            return {}
        for row in rows:
            if isinstance(row, Built):
                self._built[row.subject] = row
                self._before[row.subject] = Conditions.from_facts(row.conditions)
            else:
                self._ledger.add(row)
        self._ledger.forget_old()
        if not self._references.estimates():
            return {}  # killed before the first visit to a reference: nothing to scale by yet
        # As it was when each began: what the host has counted since is not its disturbance.
        rules_met = {
            key: self._rule(key, self._before[key])
            for key in self._subnets
            if self._ledger.blocks(key)
        }
        return {key: rule for key, rule in rules_met.items() if rule is not None}

    def _round(self, rota: Rota) -> list[Result]:
        """Visit every active sub-network and reference once; return who ended and how."""
        self._begin(rota)
        results: list[Result] = []
        keys = rota.order(self._references.subnets)
        reasons: list[str] = []
        # All are ready before the first is visited: a visit finds the caches as other networks left
        # them, not as its own warm-up did.
        for step in (self._prepare, self._visit):
            failures = [failure for key in keys if (failure := self._tried(step, key))]
            for failure in failures:
                keys.remove(failure.subnet_id)
                reasons.append(failure.reason)
                if failure.subnet_id in rota.active:
                    rota.retire(failure.subnet_id)
                    results.append(failure)
        if not keys and not self._visits:
            raise MeasurementError(
                f"Nothing of {self._network.name} can be measured here: {reasons[0]}"
            )
        if not self._references.estimates():
            return results  # they are new in a session that goes on: nothing to scale by yet
        after = self._conditions()
        for key in tuple(rota.active):
            rule = self._rule(key, after)
            if rule is not None:
                rota.retire(key)
                self._stage.drop(key)
                results.append(self._finish(key, rule, self._conditions()))
        return results

    def _begin(self, rota: Rota) -> None:
        """Admit sub-networks, in a fresh process if one is due."""
        if self._rounds_per_process is None:
            rota.admit(self._settings.admitted_per_round)
        elif self._rounds % self._rounds_per_process == 0 or not rota.active:
            self._stage.renew()
            self._rounds = 0
            rota.admit(self._settings.admitted_per_process)
        if self._rounds_per_place and self._rounds and self._rounds % self._rounds_per_place == 0:
            self._move()
        self._rounds += 1

    def _move(self) -> None:
        """Give all that is ready other places in memory, unless a network does not allow it."""
        try:
            self._stage.move()
        except MeasurementError as error:
            self._on_event(f"Networks stay where they are in memory: {error}.")
            self._rounds_per_place = None

    def _tried(self, step: Callable[[str], None], key: str) -> Failure | None:
        try:
            try:
                step(key)
            except ChildDiedError as error:
                # Whoever killed it, as the kernel does for want of memory, may not have meant this.
                self._on_event(f"Sub-network {key}: {error}. Once more in a fresh process.")
                step(key)
        except MeasurementError as error:
            return self._failed(key, error)
        return None

    def _prepare(self, key: str) -> None:
        """Make ``key`` ready; the first time, spool how it began."""
        added = self._stage.prepare(key, weigh=key not in self._built)
        if key not in self._before:
            self._before[key] = self._conditions()
        if added is not None and key not in self._built:
            self._built[key] = Built(
                subject=key,
                build_s=added.build_s,
                prepare_s=added.prepare_s,
                warm_up_ms=added.warm_up_ms,
                peak_memory_bytes=added.peak_memory_bytes,
                conditions=self._before[key].facts(),
            )
            self._spool.append(self._built[key])

    def _visit(self, key: str) -> None:
        """Visit ``key`` and spool what was read."""
        self._prepare(key)  # again if the process that held it ready died since
        visited = self._stage.visit(key, self._settings.samples_per_visit)
        block = Block(
            subject=key,
            window=f"{self._epoch}:{self._visits // rules.DRIFT_WINDOW_VISITS}",
            wall_ms=visited.wall_ms,
            cpu_ms=visited.cpu_ms,
            gpu_ms=visited.gpu_ms,
            at=time.time(),
            energy_mj=visited.energy_mj,
            throttled=self._throttled(),
        )
        self._visits += 1
        self._spool.append(block)
        self._ledger.add(block)

    def _failed(self, key: str, error: MeasurementError) -> Failure:
        self._references.give_up(key)
        if not self._references.subnets:
            raise MeasurementError(
                f"No reference sub-network of {self._network.name} can be measured: {error}"
            ) from error
        if isinstance(error, ChildDiedError):
            self._on_event(f"Sub-network {key}: {error}. Going on with a fresh process.")
        self._stage.drop(key)
        return Failure(subnet_id=key, reason=str(error))

    def _rule(self, key: str, after: Conditions) -> StopRule | None:
        """Return the rule that ends the sampling of ``key``, or None to go on.

        Throttled visits do not count, unless most are: then every other visit does. What was
        disturbed is retried: its visits go on until enough of them were good, or to twice the
        limits.
        """
        blocks = self._ledger.blocks(key)
        clean = sum(not block.throttled for block in blocks)
        rule = self._limit(key, self._settings, max(clean, len(blocks) // 2))
        if rule is None or not self._disturbed(key, after):
            return rule
        return self._limit(key, self._settings.retrying(), len(blocks))

    def _disturbed(self, key: str, after: Conditions) -> bool:
        blocks, threads = self._ledger.blocks(key), self._configuration.threads
        return bool(disturbances(blocks, threads, self._before[key], after))

    def _limit(self, key: str, settings: ProtocolSettings, rounds: int) -> StopRule | None:
        half_width_percent = math.inf
        if rounds >= settings.min_rounds:  # not believed before, so the fit can wait
            half_width_percent = self._ledger.estimate(key).reducible_percent()
        return rules.stop_rule(
            settings,
            rounds=rounds,
            half_width_percent=half_width_percent,
            reading_s=self._ledger.reading_s(key),
        )

    def _finish(self, key: str, rule: StopRule, after: Conditions) -> Measured:
        scale = self._references.scale()
        blocks, built = self._ledger.blocks(key), self._built[key]
        estimate = self._ledger.estimate(key)
        half_width = estimate.half_width_percent(scale_error=scale.error, offset=-scale.shift)
        verdict = judge(
            half_width_percent=half_width,
            blocks=blocks,
            threads=self._configuration.threads,
            offset_percent=scale.offset_percent,
            before=self._before[key],
            after=after,
        )
        finding = Finding(
            identity=Identity(
                subnet=self._subnets[key],
                configuration=self._configuration,
                environment_id=self._fingerprint.environment.environment_id,
                host_id=self._fingerprint.host.host_id,
            ),
            blocks=blocks,
            built=built,
            estimate=estimate,
            shift=scale.shift,
            half_width_percent=half_width,
            stopped_by=rule,
            verdict=verdict,
            settings=self._settings,
            conditions=self._facts(key, after, scale),
        )
        return Measured(subnet_id=key, measurements=measurements(finding))

    def _facts(self, key: str, after: Conditions, scale: Scale) -> Facts:
        """Return the conditions as they are stored with the number."""
        built = self._built[key]
        return {
            "before": self._before[key].facts(),
            "after": after.facts(),
            "scale": self._references.facts(scale),
            "cpus": list(self._cpus),
            "started": asdict(self._stage.child().started),
            "build_s": built.build_s,
            "prepare_s": built.prepare_s,
            "warm_up_ms": list(built.warm_up_ms),
            "gpu": asdict(self._gpu) if self._gpu else None,
        }

    def _conditions(self) -> Conditions:
        return read_conditions(
            self._files,
            self._cpus,
            self._gpu.card_uuid if self._gpu else None,
            self._stage.child().pid,
        )

    def _throttled(self) -> bool:
        """Return whether the host throttled since the last call."""
        if self._gpu is not None:
            gpu = read_gpu_conditions(self._gpu.card_uuid, self._stage.child().pid)
            return gpu is not None and bool(gpu.throttle_reasons)
        before, now = self._throttle_events, throttle_events(self._files, self._cpus)
        self._throttle_events = now
        return before is not None and now is not None and now > before

    def _subnet(self, key: str) -> Subnet:
        return self._references.subnets.get(key) or self._subnets[key]

    def _worker_spec(self) -> WorkerSpec:
        wanted = self._configuration
        return WorkerSpec(
            supernet=self._loads_as,
            device="cuda" if self._gpu else "cpu",
            gpu_uuid=self._gpu.uuid if self._gpu else None,
            cpus=self._cpus,
            threads=wanted.threads,
            batch_size=wanted.batch_size,
            precision=wanted.precision,
            engine=wanted.engine,
            memory_format=wanted.memory_format,
            input_size=wanted.input_size,
            parent=os.getpid(),
            renewed=self._rounds_per_process is not None,
        )

    def _active_at_once(self) -> int:
        """Return how many sub-networks fit into memory at once, at most the protocol's window."""
        genotypes = np.array([subnet.genotype for subnet in self._subnets.values()], np.int8)
        if not genotypes.size:
            return 1
        largest = int(self._network.costs(genotypes)[:, 1].max()) * BYTES_PER_PARAMETER
        limit = self._fingerprint.limits.memory_limit_bytes
        free = min(psutil.virtual_memory().available, limit or math.inf)
        return max(1, min(self._settings.window, int(free * MEMORY_SHARE / max(1, largest))))

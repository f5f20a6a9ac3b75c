"""The daemon of a host: claim jobs, have them measured, deliver what came of them.

One step does what is due and returns; nothing in it waits for a measurement. Leaving is the same
whether by signal or by kill: claimed jobs stay leased to this host, so that a daemon started again
within the lease takes them up where they were, without another attempt, and otherwise their leases
run out and another host does them. What was measured is in the spool or in the outbox.
"""

import dataclasses
import errno
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from latbase.db import Store, rows
from latbase.db.clock import later, steady_clock
from latbase.db.jobs import LEASE_S, Job, JobStatus
from latbase.db.records import Configuration, Subnet
from latbase.errors import LatbaseError, StoreBusyError, StoreUnreachableError
from latbase.identity import content_id
from latbase.profiler import presence as presences
from latbase.profiler.assignment import Assignment
from latbase.profiler.feasibility import possible
from latbase.profiler.fingerprint import Fingerprint
from latbase.profiler.journal import say, warn
from latbase.profiler.link import Link
from latbase.profiler.notify import notify
from latbase.profiler.outbox import Delivered, Outbox
from latbase.profiler.presence import Presence
from latbase.profiler.workload import Workload

POLL_S = 5.0
"""Seconds between looks for new jobs: a person hardly notices, and an idle host neither."""

WORKING_S = 1.0
"""Seconds between looks for results while something is measured."""

HEARTBEAT_S = 15.0
"""Seconds between signs of life of the host."""

RENEW_S = LEASE_S / 4
"""Seconds between renewals of leases: three may fail before one runs out."""

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0
"""Seconds until a store that failed is tried again; doubles each time."""

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What passes when somebody makes room."""

COMPLAINT_S = 60.0
"""Seconds between complaints of a full disk."""

CLAIMED_TOGETHER = 32
"""Jobs claimed at once: as many as the protocol interleaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How a daemon works.

    Attributes:
        state_dir: of this host.
        sources: supernets of users it may measure, as ``path/to/file.py:Name``.
        preset: name of the measuring protocol.
        poll_s: seconds between looks for new jobs.
        refill: queues jobs when there is nothing to do; called at its own pace, must be quick.
    """

    state_dir: Path
    sources: tuple[str, ...] = ()
    preset: str = "default"
    poll_s: float = POLL_S
    refill: Callable[[Store], None] | None = None


class Every:
    """Says at most every ``seconds`` that something is due; at first at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Make it due now."""
        self._last = float("-inf")

    def due(self) -> bool:
        """Return whether it is due, and if so begin to count anew."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Daemon:
    """See the module.

    Args:
        link: the way to the store.
        fingerprint: of this host.
        orders: how to work.
        presence: what ``latbase daemon status`` shows at first.
    """

    def __init__(
        self, link: Link, fingerprint: Fingerprint, orders: Orders, presence: Presence
    ) -> None:
        self._link = link
        self._found = fingerprint
        self._orders = orders
        self._presence = presence
        self._host_id = fingerprint.host.host_id
        folder = content_id("store", {"target": link.target.rstrip("/")})
        self._outbox = Outbox(orders.state_dir / "outbox" / folder)
        self._workload = Workload(self._outbox)
        # Forward with the wall clock, as after a suspend, but not back: that would be silence.
        self._now = later(steady_clock())
        self._heartbeat, self._renewal = Every(HEARTBEAT_S), Every(RENEW_S)
        self._reached = False
        self._retry_s = FIRST_RETRY_S
        self._retry_at = float("-inf")
        self._complaint = Every(COMPLAINT_S)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set.

        Raises:
            LatbaseError: the store cannot be one, or does not let this host in, from the beginning.
        """
        say("started", store=self._link.target, host=self._host_id)
        try:
            while not stop.is_set():
                self.step()
                notify("READY=1\nWATCHDOG=1")
                stop.wait(WORKING_S if self._workload else self._orders.poll_s)
        finally:
            notify("STOPPING=1")
            self._workload.close()
            self._link.drop()
            say("stopped", left_leased=len(self._workload.job_ids))

    def step(self) -> None:
        """Do what is due: with the measuring process always, with the store if it answers."""
        with self._despite_full_disk():
            self._workload.advance()
        with self._despite_full_disk():  # also then: what the store takes makes room
            self._exchange_when_due()

    def _exchange_when_due(self) -> None:
        if time.monotonic() < self._retry_at:
            return
        try:
            self._exchange()
        except LatbaseError as error:  # once reached, whatever was in its place may go again
            passing = isinstance(error, StoreUnreachableError | StoreBusyError)
            if not (self._reached or passing):
                raise
            self._wait_for_store(error)
        else:
            self._retry_s = FIRST_RETRY_S

    def _exchange(self) -> None:
        """Tell the store what it shall know and take from it what there is to do."""
        if not self._link.is_open:
            self._introduce(self._link.store())
        store = self._link.store()
        if self._heartbeat.due():
            store.write([dataclasses.replace(self._found.host, seen_at=self._now())])
        for delivered in self._outbox.deliver(store, self._host_id):
            self._account_for(delivered)
        if self._workload.job_ids and self._renewal.due():
            self._renew(store)
        if not self._workload:
            self._claim(store)
            self._workload.advance()

    def _introduce(self, store: Store) -> None:
        """Register this host with all it offers; take up what it holds from before."""
        found = self._found
        offered = offers(found)
        store.write([found.hardware, found.environment, found.host, *offered])
        self._reached = True
        say("connected", store=store.description, configurations=len(offered))
        held = store.query(
            "SELECT * FROM job WHERE status = 'claimed' AND host_id = ?", [self._host_id]
        )
        self._take(store, rows.read(Job, held))
        self._renewal.reset()

    def _renew(self, store: Store) -> None:
        held = self._workload.job_ids
        lost = held.difference(store.jobs.heartbeat(self._host_id, sorted(held)))
        lost -= self._outbox.waiting()
        if lost:
            warn("jobs_lost", jobs=len(lost), reason="cancelled, or the lease ran out")
            self._workload.withdraw(lost)

    def _claim(self, store: Store) -> None:
        able = [each.configuration_id for each in self._able(store)]
        queued = store.query(
            "SELECT count(*) AS jobs FROM job WHERE status IN ('queued', 'claimed') "
            "AND configuration_id IN (SELECT unnest(?::VARCHAR[]))",
            [able],
        )["jobs"][0]
        if queued.as_py():  # claiming writes, so an idle host only asks
            self._take(store, store.jobs.claim(self._host_id, able, limit=CLAIMED_TOGETHER))
        if not self._workload and self._orders.refill is not None:
            self._orders.refill(store)

    def _take(self, store: Store, jobs: Iterable[Job]) -> None:
        done = self._outbox.waiting() | self._workload.job_ids
        own = {each.configuration_id for each in self._own(store)}
        new = []
        for job in jobs:
            if job.job_id in done:
                continue
            if job.configuration_id in own:
                new.append(job)
            else:  # claimed before the hardware changed
                self._outbox.put_failure(job.job_id, _NOT_OURS.format(job.configuration_id))
        if new:
            say("jobs_claimed", jobs=len(new))
            self._workload.add(self._assignments(store, new))
            self._publish()

    def _assignments(self, store: Store, jobs: Sequence[Job]) -> list[Assignment]:
        """Group jobs by configuration and supernet, which is what is measured together."""
        asked = {job.job_id: job for job in jobs}
        found = store.query(
            """
            SELECT job_id::VARCHAR AS job_id, subnet.*, supernet.supernet
            FROM job JOIN subnet USING (subnet_id) JOIN supernet USING (supernet_id)
            WHERE job_id IN (SELECT unnest(?::UUID[]))
            """,
            [list(asked)],
        ).to_pylist()
        configurations = {each.configuration_id: each for each in self._own(store)}

        def company(row: dict[str, str]) -> tuple[str, str, str]:
            job = asked[row["job_id"]]
            return job.configuration_id, row["supernet_id"], row["supernet"]

        return [
            Assignment(
                supernet=supernet,
                supernet_id=supernet_id,
                configuration=configurations[configuration_id],
                jobs={row["job_id"]: _subnet(row) for row in group},
                sources=self._orders.sources,
                state_dir=self._orders.state_dir,
                outbox=self._outbox.folder,
                preset=self._orders.preset,
            )
            for (configuration_id, supernet_id, supernet), group in itertools.groupby(
                sorted(found, key=company), key=company
            )
        ]

    def _own(self, store: Store) -> list[Configuration]:
        hardware_id = self._found.hardware.hardware_id
        found = store.query("SELECT * FROM configuration WHERE hardware_id = ?", [hardware_id])
        return rows.read(Configuration, found)

    def _able(self, store: Store) -> list[Configuration]:
        return [each for each in self._own(store) if possible(each, self._found)]

    def _account_for(self, delivered: Delivered) -> None:
        self._workload.settle(delivered.job_id)
        presence = self._presence
        if delivered.reason is None:
            presence = dataclasses.replace(presence, finished=presence.finished + 1)
            say("job_finished", job=delivered.job_id)
        elif delivered.status is None:
            warn("result_refused", job=delivered.job_id, reason=delivered.reason)
        else:
            presence = dataclasses.replace(presence, failed=presence.failed + 1)
            again = delivered.status is JobStatus.QUEUED
            warn("job_failed", job=delivered.job_id, again=again, reason=delivered.reason)
        self._presence = presence
        self._publish()

    def _publish(self) -> None:
        self._presence = dataclasses.replace(self._presence, measuring=len(self._workload.job_ids))
        presences.publish(self._orders.state_dir, self._presence)

    @contextmanager
    def _despite_full_disk(self) -> Iterator[None]:
        """Give up the block, not the daemon, for a full disk: the next step tries again."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            if self._complaint.due():
                warn("disk_full", reason=str(error))

    def _wait_for_store(self, error: LatbaseError) -> None:
        warn("store_unavailable", reason=str(error), retry_in_s=self._retry_s)
        self._link.drop()
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)


_NOT_OURS = (
    "configuration {} is of other hardware than this host has now; "
    "a host with that hardware can measure it"
)


def offers(found: Fingerprint) -> list[Configuration]:
    """Return what a host offers before anybody asked: batch 1, on one and on all its CPUs."""
    hardware_id = found.hardware.hardware_id
    offered = [
        Configuration.of(hardware_id=hardware_id, threads=threads)
        for threads in sorted({1, found.effective_cpus})
    ]
    if found.gpus:
        offered.append(Configuration.of(hardware_id=hardware_id, device="cuda"))
    return offered


def _subnet(row: dict[str, object]) -> Subnet:
    return Subnet(
        subnet_id=str(row["subnet_id"]),
        supernet_id=str(row["supernet_id"]),
        genotype=tuple(row["genotype"]),  # type: ignore[arg-type]  # a list of integers
        config=json.loads(str(row["config"])),
    )

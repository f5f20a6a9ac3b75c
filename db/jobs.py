"""Jobs: requests to measure a sub-network on a configuration, claimed by hosts under a lease.

The life of a job::

    queued ──claim──► claimed ──finish──► finished
      ▲                 │ │
      │   lease expired │ └──fail, or expired, for the last time──► failed
      └─────or fail─────┘
    queued or claimed ──cancel──► cancelled

A lease is a promise of time: while it lasts no other host is given the job. A host that was slower
than its lease may still deliver: measurements are written by id, and finishing a job that somebody
else finished is a no-op.
"""

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from latbase.errors import InvalidInputError


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Waits for a host of its configuration."""
    CLAIMED = "claimed"
    """Leased to a host."""
    FINISHED = "finished"
    """Its measurements were delivered."""
    FAILED = "failed"
    """Failed as often as it may; ``error`` says why the last time."""
    CANCELLED = "cancelled"
    """Called off by a person or by the search that asked."""


SEARCH_PRIORITY = 0
"""Of jobs somebody waits for."""

POLICY_PRIORITY = -10
"""Of jobs that keep profiles fresh: below every search."""

MAX_ATTEMPTS = 3
"""How often a job is tried unless it says otherwise."""

LEASE_S = 120.0
"""Seconds a claim lasts without a heartbeat."""

MAX_LEASE_S = 3600.0
"""The longest lease that is given: a job is never out of reach for longer after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A job to queue; queueing the same ``job_id`` twice is one job.

    Attributes:
        search_id: the search that asked; searches share hosts fairly. None for a person or policy.
        priority: higher goes first, whatever the share.
    """

    job_id: str
    subnet_id: str
    configuration_id: str
    search_id: str | None = None
    priority: int = SEARCH_PRIORITY
    max_attempts: int = MAX_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the queue keeps it.

    Attributes:
        attempts: claims so far, the present one included.
        host_id: who holds it, or held it last.
        leased_until: when the claim ends, by the service's clock.
        error: why the last attempt failed.
    """

    job_id: str
    subnet_id: str
    configuration_id: str
    search_id: str | None
    priority: int
    status: JobStatus
    attempts: int
    max_attempts: int
    host_id: str | None
    leased_until: datetime | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class JobQueue(Protocol):
    """The queue of a store. Safe to share between threads; every call is one transaction.

    Reading needs no call of its own: ``SELECT … FROM job`` answers through :meth:`Store.query`.
    """

    def enqueue(self, requests: Sequence[JobRequest]) -> int:
        """Queue jobs; returns how many were new.

        Raises:
            InvalidInputError: a sub-network, configuration or search is unknown to the store.
        """

    def claim(
        self,
        host_id: str,
        configuration_ids: Sequence[str],
        *,
        limit: int = 1,
        lease_s: float = LEASE_S,
    ) -> list[Job]:
        """Lease up to ``limit`` queued jobs of these configurations to ``host_id``.

        Highest priority first; within one priority, searches take turns, counting what is already
        claimed for them. Leases that ran out are taken back before.
        """

    def heartbeat(
        self, host_id: str, job_ids: Sequence[str], *, lease_s: float = LEASE_S
    ) -> list[str]:
        """Renew leases; returns the ids still held, so that a host drops what it lost."""

    def finish(self, host_id: str, job_ids: Sequence[str]) -> None:
        """Mark jobs as done, after their measurements were written; a repeat is a no-op."""

    def fail(self, host_id: str, job_id: str, error: str) -> JobStatus:
        """Give a job back with the reason; returns whether it is queued again or failed for good.

        A job the host no longer holds keeps its status, which is returned.

        Raises:
            UnknownNameError: there is no such job.
        """

    def cancel(self, job_ids: Sequence[str]) -> int:
        """Call off jobs that are queued or claimed; returns how many."""


class OwnedQueue(JobQueue, Protocol):
    """The queue of a store that this process keeps itself."""

    def shorten_leases(self) -> None:
        """Cut leases to the longest one given; for an owner that just started, clock unknown."""


def lease(seconds: float) -> timedelta:
    """Return how long a lease of so many seconds lasts.

    Raises:
        InvalidInputError: no lease is that short or long.
    """
    if not 0 < seconds <= MAX_LEASE_S:
        raise InvalidInputError(
            f"A lease lasts up to {MAX_LEASE_S:g} s; {seconds:g} s was asked for."
        )
    return timedelta(seconds=seconds)


def new_id() -> str:
    """Return a UUIDv7: unique, and sorted by the time it was made."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | (0x7 << 76)
    return str(uuid.UUID(int=number & ~(0b11 << 62) | (0b10 << 62)))

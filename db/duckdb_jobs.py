"""The job queue of a DuckDB store; the store's writer makes every call atomic."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import duckdb

from latbase.db import rows, writing
from latbase.db.clock import Clock
from latbase.db.jobs import LEASE_S, MAX_LEASE_S, Job, JobRequest, JobStatus, lease
from latbase.db.sql import statements
from latbase.errors import UnknownNameError

if TYPE_CHECKING:
    from latbase.db.duckdb_store import DuckDbStore


class DuckDbJobs:
    """A :class:`~latbase.db.jobs.JobQueue` in a DuckDB store.

    Args:
        store: keeps the jobs.
        now: the clock of leases; it must not go back.
    """

    def __init__(self, store: "DuckDbStore", now: Clock) -> None:
        self._store = store
        self._now = now

    def shorten_leases(self) -> None:
        """Cut leases to the longest one given; for an owner that just started, clock unknown."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["shorten"], {"until": self._until(MAX_LEASE_S)})

    def enqueue(self, requests: Sequence[JobRequest]) -> int:
        """See :meth:`JobQueue.enqueue`."""
        batch = rows.requests(requests)
        with self._transaction() as cursor, writing.registered(cursor, "incoming", batch):
            writing.refuse_unknown(cursor, "job", ("subnet", "configuration", "search"))
            row = cursor.execute(_SQL["enqueue"], {"now": self._now()}).fetchone()
            return int(row[0]) if row else 0

    def claim(
        self,
        host_id: str,
        configuration_ids: Sequence[str],
        *,
        limit: int = 1,
        lease_s: float = LEASE_S,
    ) -> list[Job]:
        """See :meth:`JobQueue.claim`."""
        until = self._until(lease_s)
        with self._transaction() as cursor:
            cursor.execute(_SQL["expire"], {"now": self._now()})
            wanted = {"configurations": list(configuration_ids), "limit": limit}
            lines = cursor.execute(_SQL["lines"], wanted).fetchall()
            jobs = _in_turn(lines)[:limit]
            if not jobs:
                return []
            cursor.execute(_SQL["claim"], {"jobs": jobs, "host": host_id, "until": until})
            return rows.read(Job, cursor.to_arrow_table())

    def heartbeat(
        self, host_id: str, job_ids: Sequence[str], *, lease_s: float = LEASE_S
    ) -> list[str]:
        """See :meth:`JobQueue.heartbeat`."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["heartbeat"],
                {"jobs": list(job_ids), "host": host_id, "until": self._until(lease_s)},
            )
            return [str(job_id) for (job_id,) in cursor.fetchall()]

    def finish(self, host_id: str, job_ids: Sequence[str]) -> None:
        """See :meth:`JobQueue.finish`."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["finish"], {"jobs": list(job_ids), "host": host_id, "now": self._now()}
            )

    def fail(self, host_id: str, job_id: str, error: str) -> JobStatus:
        """See :meth:`JobQueue.fail`."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["fail"], {"job": job_id, "host": host_id, "error": error, "now": self._now()}
            )
            row = cursor.execute(_SQL["status"], {"job": job_id}).fetchone()
        if row is None:
            raise UnknownNameError(f"There is no job {job_id}; latbase jobs lists them.")
        return JobStatus(row[0])

    def cancel(self, job_ids: Sequence[str]) -> int:
        """See :meth:`JobQueue.cancel`."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["cancel"], {"jobs": list(job_ids), "now": self._now()})
            return len(cursor.fetchall())

    def _transaction(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return self._store.transaction()

    def _until(self, lease_s: float) -> datetime:
        return self._now() + lease(lease_s)


def _in_turn(lines: Sequence[tuple[str | None, int, int, Sequence[UUID] | None]]) -> list[UUID]:
    """Merge the heads of ``lines``, (search, priority, jobs out, head), into one.

    Searches take turns, counting what is out for them.
    """
    out: Counter[str | None] = Counter()
    for search_id, _, jobs, _ in lines:
        out[search_id] += jobs
    ranked = [
        (-priority, turn, job_id)
        for search_id, priority, _, head in lines
        for turn, job_id in enumerate(head or (), out[search_id])
    ]
    return [job_id for *_, job_id in sorted(ranked)]


_SQL = statements("jobs")

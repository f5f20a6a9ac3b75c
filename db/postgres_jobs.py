"""The job queue of a store on PostgreSQL: claims lock what they take, skip what others hold."""

from collections.abc import Sequence
from datetime import datetime

from latbase.db import postgres_writing, rows
from latbase.db.clock import Clock
from latbase.db.jobs import LEASE_S, MAX_LEASE_S, Job, JobRequest, JobStatus, lease
from latbase.db.postgres import Database
from latbase.db.sql import statements
from latbase.errors import UnknownNameError


class PostgresJobs:
    """A :class:`~latbase.db.jobs.OwnedQueue` in PostgreSQL, shared by any number of processes.

    Args:
        database: keeps the jobs.
        now: the clock of leases; it must not go back, and must be the same for every process.
    """

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def shorten_leases(self) -> None:
        """See :meth:`OwnedQueue.shorten_leases`."""
        self._execute("shorten", until=self._until(MAX_LEASE_S))

    def enqueue(self, requests: Sequence[JobRequest]) -> int:
        """See :meth:`JobQueue.enqueue`."""
        with self._database.transaction() as connection:
            postgres_writing.load(connection, "job", rows.requests(requests))
            postgres_writing.refuse_unknown(
                connection, "job", ("subnet", "configuration", "search")
            )
            return connection.execute(_SQL["enqueue"], {"now": self._now()}).rowcount

    def claim(
        self,
        host_id: str,
        configuration_ids: Sequence[str],
        *,
        limit: int = 1,
        lease_s: float = LEASE_S,
    ) -> list[Job]:
        """See :meth:`JobQueue.claim`."""
        asked = {
            "configurations": list(configuration_ids),
            "host": host_id,
            "until": self._until(lease_s),
            "limit": limit,
        }
        with self._database.transaction() as connection:
            connection.execute(_SQL["expire"], {"now": self._now()})
            return rows.values(Job, connection.execute(_SQL["claim"], asked).fetchall())

    def heartbeat(
        self, host_id: str, job_ids: Sequence[str], *, lease_s: float = LEASE_S
    ) -> list[str]:
        """See :meth:`JobQueue.heartbeat`."""
        asked = {"jobs": list(job_ids), "host": host_id, "until": self._until(lease_s)}
        with self._database.transaction() as connection:
            held = connection.execute(_SQL["heartbeat"], asked).fetchall()
            return [str(row["job_id"]) for row in held]

    def finish(self, host_id: str, job_ids: Sequence[str]) -> None:
        """See :meth:`JobQueue.finish`."""
        self._execute("finish", jobs=list(job_ids), host=host_id, now=self._now())

    def fail(self, host_id: str, job_id: str, error: str) -> JobStatus:
        """See :meth:`JobQueue.fail`."""
        asked = {"job": job_id, "host": host_id, "error": error, "now": self._now()}
        with self._database.transaction() as connection:
            connection.execute(_SQL["fail"], asked)
            row = connection.execute(_SQL["status"], {"job": job_id}).fetchone()
        if row is None:
            raise UnknownNameError(f"There is no job {job_id}; latbase jobs lists them.")
        return JobStatus(str(row["status"]))

    def cancel(self, job_ids: Sequence[str]) -> int:
        """See :meth:`JobQueue.cancel`."""
        return self._execute("cancel", jobs=list(job_ids), now=self._now())

    def _execute(self, statement: str, **parameters: object) -> int:
        with self._database.transaction() as connection:
            return connection.execute(_SQL[statement], parameters).rowcount

    def _until(self, lease_s: float) -> datetime:
        return self._now() + lease(lease_s)


_SQL = statements("postgres_jobs")

"""Results of jobs on local disk, one file each, until the store acknowledged them.

``JOB.arrow`` holds the rows of a measured job as they travel to a service; ``JOB.failed`` holds the
reason of a failed one. A file appears whole or not at all, and goes when the store has its content.
Delivering twice is harmless: rows are written by id, and a finished job stays finished.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latbase.db import rows, wire
from latbase.db.jobs import JobStatus
from latbase.db.records import Record
from latbase.errors import InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from latbase.db import Store

MEASURED = ".arrow"
FAILED = ".failed"
REFUSED = ".refused"
"""Ends the name of a file that the store will never take; kept for a person to look at."""

LONGEST_REASON = 10_000
"""Characters of a reason that a store takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One result the store has taken, or refused for good.

    Attributes:
        status: of the job now; None if the store refused the result.
        reason: why the job failed or the result was refused; None for a measured one.
    """

    job_id: str
    status: JobStatus | None
    reason: str | None


class Outbox:
    """The results of this host for one store, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, job_id: str, records: Sequence[Record]) -> None:
        """Keep what was measured for a job; it survives a kill once this returns."""
        self._keep(f"{job_id}{MEASURED}", wire.encode_rows(list(rows.batches(records))))

    def put_failure(self, job_id: str, reason: str) -> None:
        """Keep why a job failed; it survives a kill once this returns."""
        self._keep(f"{job_id}{FAILED}", reason.encode(errors="replace"))

    def waiting(self) -> set[str]:
        """Return the jobs whose result is here."""
        return {path.stem for path in self._files()}

    def deliver(self, store: "Store", host_id: str) -> Iterator[Delivered]:
        """Hand every result to ``store``, oldest first; yields each as it is acknowledged.

        Raises:
            StoreError: the store takes nothing now; what it has not acknowledged stays here.
        """
        for path in self._files():
            try:
                delivered = _hand_over(path, store, host_id)
            except (InvalidInputError, UnknownNameError) as error:
                path.rename(path.with_name(path.name + REFUSED))
                if path.suffix == MEASURED:
                    self.put_failure(path.stem, f"The store refused the result: {error}")
                yield Delivered(job_id=path.stem, status=None, reason=str(error))
                continue
            path.unlink()
            yield delivered

    def _files(self) -> list[Path]:
        found = [path for path in self.folder.iterdir() if path.suffix in {MEASURED, FAILED}]
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _keep(self, name: str, content: bytes) -> None:
        draft = self.folder / f"{name}.draft"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            draft.unlink(missing_ok=True)  # a full disk needs the room
            raise
        draft.replace(self.folder / name)


def _hand_over(path: Path, store: "Store", host_id: str) -> Delivered:
    job_id, content = path.stem, path.read_bytes()
    if path.suffix == FAILED:
        reason = _reason(content)
        status = store.jobs.fail(host_id, job_id, reason)
        return Delivered(job_id=job_id, status=status, reason=reason)
    store.write_rows(wire.decode_rows(content))
    store.jobs.finish(host_id, [job_id])
    return Delivered(job_id=job_id, status=JobStatus.FINISHED, reason=None)


def _reason(content: bytes) -> str:
    """Return what a file says as text that every store takes: the job must not stay claimed."""
    text = content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text[:LONGEST_REASON] or "it failed without a reason; the daemon's log may show one"

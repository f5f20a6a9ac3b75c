"""Copy a database that this process has open, to a file that appears complete or not at all."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latbase.errors import InvalidInputError, QueryTimeoutError


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Yield where to write a file that becomes ``target`` if the block succeeds.

    Raises:
        InvalidInputError: the target exists, its directory does not, or it cannot be written.
    """
    if target.exists():
        raise InvalidInputError(f"{target} exists already; name a new file.")
    if not target.parent.is_dir():
        raise InvalidInputError(f"The directory {target.parent} does not exist; make it first.")
    with drafted(target) as draft:
        yield draft
        draft.replace(target)


@contextmanager
def drafted(target: Path) -> Iterator[Path]:
    """Yield where to write what is moved to ``target`` later; what is not moved is removed.

    Raises:
        InvalidInputError: it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as folder:
            yield Path(folder) / target.name
    except QueryTimeoutError:  # an OSError, too, but not of the disk
        raise
    except OSError as error:
        raise InvalidInputError(
            f"{target} cannot be written ({error.strerror}); make room or name another place."
        ) from error


def copy_database(database: Path, target: Path) -> None:
    """Copy a database that nobody writes meanwhile, with its log.

    A child process reads it: if this one did, closing the file would drop its lock.

    Raises:
        OSError: the copy cannot be written.
    """
    for source, copy in zip(with_log(database), with_log(target), strict=True):
        if not source.exists():
            continue
        done = subprocess.run(
            ["cp", "--reflink=auto", "--", source, copy],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OSError(None, done.stderr.strip().rpartition(": ")[2])


def with_log(database: Path) -> tuple[Path, Path]:
    """Return the files of a database: itself, and what DuckDB has not yet written into it."""
    return database, database.with_name(f"{database.name}.wal")

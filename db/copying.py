"""Copy a database file that this process has open."""

import subprocess
from pathlib import Path

from latbase.errors import InvalidInputError


def refuse_occupied(target: Path) -> None:
    """Return if ``target`` can be made.

    Raises:
        InvalidInputError: it exists, or its directory does not.
    """
    if target.exists():
        raise InvalidInputError(f"{target} exists already; name a new file.")
    if not target.parent.is_dir():
        raise InvalidInputError(f"The directory {target.parent} does not exist; make it first.")


def copy_database(database: Path, target: Path) -> None:
    """Copy a database that nobody writes meanwhile, with its log.

    A child process reads it: if this one did, closing the file would drop its lock.

    Raises:
        InvalidInputError: the copy cannot be written.
    """
    log = database.with_name(f"{database.name}.wal")
    copies = {database: target, log: target.with_name(f"{target.name}.wal")}
    for source, copy in copies.items():
        if not source.exists():
            continue
        done = subprocess.run(
            ["cp", "--reflink=auto", "--", source, copy],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InvalidInputError(f"The backup could not be written: {done.stderr.strip()}.")

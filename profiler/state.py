"""The state directory of this host: its id, its locks, its spools."""

import os
import uuid
from pathlib import Path

from latbase.errors import InvalidInputError


def prepare(state_dir: Path) -> Path:
    """Make ``state_dir`` and return it.

    Raises:
        InvalidInputError: it cannot be made or written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        writable = os.access(state_dir, os.W_OK | os.X_OK)
    except OSError as error:
        raise _unusable(state_dir, error.strerror or str(error)) from error
    if not writable:
        raise _unusable(state_dir, "permission denied")
    return state_dir


def _unusable(state_dir: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"The state directory {state_dir} cannot be written ({reason}); "
        "name another with LATBASE_STATE_DIR."
    )


def host_id(state_dir: Path) -> str:
    """Return the random id of this host, made on the first call and kept in ``state_dir``."""
    path = prepare(state_dir) / "host_id"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(f"{uuid.uuid4().hex[:16]}\n")
    try:
        os.link(draft, path)  # fails if another process was first, whose id then holds
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()

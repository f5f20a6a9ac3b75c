"""The state directory of this host: its id, its locks, its spools."""

import hashlib
import os
import re
import uuid
from pathlib import Path

from latbase.errors import InvalidInputError
from latbase.profiler.journal import warn

MACHINE_ID = Path("/etc/machine-id")


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


def host_id(state_dir: Path, machine_id: Path = MACHINE_ID) -> str:
    """Return the random id of this host, made on the first call and kept in ``state_dir``.

    Two machines with one state directory, or copies of it, are two hosts; as one they would each
    measure the other's jobs. The directory remembers the machine of its id, if that has an id.
    """
    file, machine = prepare(state_dir) / "host_id", _machine(machine_id)
    if machine and _kept(file.with_name("machine"), machine) != machine:
        file = file.with_name(f"host_id.{machine}")
        if not file.exists():
            warn("host_id_renewed", reason=f"{state_dir} is, or was copied from, another machine's")
    return _kept(file, uuid.uuid4().hex[:16])


def _kept(file: Path, new: str) -> str:
    """Return what ``file`` says; ``new`` is written if it does not exist."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        pass
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with draft.open("w") as text:
        text.write(f"{new}\n")
        text.flush()
        os.fsync(text.fileno())  # or the link may outlive a loss of power, empty
    try:
        os.link(draft, file)  # fails if another process was first, whose text then holds
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text().strip()


def _machine(machine_id: Path) -> str | None:
    """Return a name of this machine that does not tell its id, which is confidential.

    None if it has no lasting id: an id mounted there is made anew at every boot of a machine whose
    ``/etc`` cannot be written, and for every container.
    """
    if os.path.ismount(machine_id):
        return None
    try:
        found = machine_id.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not re.fullmatch("[0-9a-f]{32}", found):  # empty, or "uninitialized" until the first boot
        return None
    return hashlib.sha256(f"latbase host {found}".encode()).hexdigest()[:16]

"""The daemon as a systemd service: its unit file, and the commands that start and stop it."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from latbase.errors import DaemonError

NAME = "latbase.service"

WATCHDOG_S = 300
"""Longer than a slow answer of the store; a daemon that is silent for so long is started again."""

STOP_S = 30
"""The daemon ends its measuring process within ten."""


class Scope(StrEnum):
    """Whose service manager runs the daemon."""

    USER = "user"
    """This user's: no root needed, measures with normal priority."""
    SYSTEM = "system"
    """The machine's: starts at boot, may give the measured process real-time priority."""

    @property
    def folder(self) -> Path:
        """Where units of this scope are."""
        if self is Scope.SYSTEM:
            return Path("/etc/systemd/system")
        return platformdirs.user_config_path("systemd") / "user"

    @property
    def systemctl(self) -> tuple[str, ...]:
        """The command that talks to this manager."""
        return ("systemctl",) if self is Scope.SYSTEM else ("systemctl", "--user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was done, and what is left to do by hand.

    Attributes:
        unit: the unit file that was written or removed.
        done: commands that succeeded.
        left: commands to run where systemd answers.
        reason: why they were left; None if none was.
    """

    unit: Path
    done: tuple[str, ...]
    left: tuple[str, ...]
    reason: str | None


def install(scope: Scope, environment: Mapping[str, str], arguments: Sequence[str]) -> Installed:
    """Write the unit, then enable and start it.

    Args:
        scope: whose service it becomes.
        environment: variables of the daemon.
        arguments: of ``latbase daemon run``.

    Raises:
        DaemonError: the unit cannot be written.
    """
    path = scope.folder / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(scope, environment, arguments))
    except OSError as error:
        raise DaemonError(f"{path} cannot be written ({error.strerror}){_ADVICE[scope]}") from error
    return _told(scope, path, [("daemon-reload",), ("enable", NAME), ("restart", NAME)])


def uninstall(scope: Scope) -> Installed:
    """Stop and disable the service, then remove the unit.

    Raises:
        DaemonError: there is none, or it cannot be removed.
    """
    path = scope.folder / NAME
    if not path.exists():
        raise DaemonError(f"No daemon is installed here: there is no {path}{_ADVICE[scope]}")
    told = _told(scope, path, [("disable", "--now", NAME)])
    try:
        path.unlink()
    except OSError as error:
        raise DaemonError(f"{path} cannot be removed ({error.strerror}){_ADVICE[scope]}") from error
    return told


def text(scope: Scope, environment: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the unit file.

    It sets neither ``Nice`` nor ``CPUWeight``: the measured process would inherit them. The daemon
    lowers the priority of its own threads instead.
    """
    command = [sys.executable, "-m", "latbase", "daemon", "run", *arguments]
    system = scope is Scope.SYSTEM
    permission = "AmbientCapabilities=CAP_SYS_NICE\n" if system else ""
    return f"""[Unit]
Description=latbase: measure sub-network latencies on this host
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={" ".join(map(_quoted, command)).replace("$", "$$")}
Environment={" ".join(_quoted(f"{name}={value}") for name, value in environment.items())}
Restart=on-failure
RestartSec=10
WatchdogSec={WATCHDOG_S}
TimeoutStopSec={STOP_S}
KillMode=mixed
{permission}
[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""


def _quoted(word: str) -> str:
    """Return ``word`` as systemd reads it: no specifiers, one word."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if " " in word or escaped != word else word


def _told(scope: Scope, unit: Path, verbs: Sequence[tuple[str, ...]]) -> Installed:
    """Run the commands in order, up to the first that fails."""
    commands = [(*scope.systemctl, *verb) for verb in verbs]
    words = tuple(map(shlex.join, commands))
    for number, command in enumerate(commands):
        if reason := _failure(command):
            return Installed(unit=unit, done=words[:number], left=words[number:], reason=reason)
    return Installed(unit=unit, done=words, left=(), reason=None)


def _failure(command: tuple[str, ...]) -> str | None:
    if shutil.which(command[0]) is None:
        return "systemctl is not installed here"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"


_ADVICE = {
    Scope.USER: "; with --system it is the machine's service.",
    Scope.SYSTEM: "; use sudo, or --user.",
}

"""Machines of their own on this one: network namespaces, each with another processor in sight."""

import itertools
import os
import re
import subprocess
from pathlib import Path

IDENTIFY = """
set -e
mount --bind "$0" /proc/cpuinfo
mount -t tmpfs none /run/lock
exec "$@"
"""
"""Run in the namespace: another processor, and devices that nobody else measures on."""


def why_not() -> str | None:
    """Return why this machine cannot hold others; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"latbase-try-{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("link", "add", f"lbt{os.getpid()}", "type", "veth", "peer", "name", "e0", "netns", name)
    except (OSError, subprocess.CalledProcessError):
        return "this machine makes no network namespaces"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return None


class Machine:
    """A namespace with a cable to the test's own.

    Attributes:
        gateway: the address of the test's end of the cable.
    """

    _numbers = itertools.count()

    def __init__(self, folder: Path, processor: str) -> None:
        number = next(self._numbers)
        self._name = f"latbase-{os.getpid()}-{number}"
        self._cable = f"lb{os.getpid()}n{number}"
        # 198.18.0.0/15 is set aside for tests of networks (RFC 2544).
        network = f"198.{18 + os.getpid() % 2}.{os.getpid() // 2 % 256}"
        self.gateway = f"{network}.{4 * number + 1}"
        self._cpuinfo = folder / f"{self._name}.cpuinfo"
        text = Path("/proc/cpuinfo").read_text()
        self._cpuinfo.write_text(re.sub(r"(?m)^(model name\s*:).*", rf"\1 {processor}", text))
        _ip("netns", "add", self._name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "e0", "netns", self._name)
        _ip("addr", "add", f"{self.gateway}/30", "dev", self._cable)
        _ip("-n", self._name, "addr", "add", f"{network}.{4 * number + 2}/30", "dev", "e0")
        _ip("-n", self._name, "link", "set", "e0", "up")
        self.join()

    def words(self, command: list[str]) -> list[str]:
        """Return the command line that runs ``command`` there."""
        inside = ["sh", "-c", IDENTIFY, str(self._cpuinfo), *command]
        return ["ip", "netns", "exec", self._name, *inside]

    def cut(self) -> None:
        """Take its cable out."""
        _ip("link", "set", self._cable, "down")

    def join(self) -> None:
        """Put its cable in."""
        _ip("link", "set", self._cable, "up")

    def remove(self) -> None:
        """Take the machine down; its processes have ended."""
        _ip("link", "del", self._cable)
        _ip("netns", "del", self._name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)

"""Reading ``/proc`` and ``/sys`` below a root that tests replace by a captured host."""

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One stable fact about a host and where it was read."""

    name: str
    value: object
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one probe found: facts to hash, and remarks a person should read."""

    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class HostFiles:
    """The kernel's files of one host, below ``root`` (``/`` on a live one)."""

    root: Path = Path("/")

    def text(self, path: str) -> str | None:
        """Return the stripped text of absolute ``path``; None if it is absent or unreadable."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """Return the integer in ``path``; None if it is absent or no integer."""
        text = self.text(path)
        return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None

    def cpus(self, path: str) -> frozenset[int] | None:
        """Return the CPU list in ``path`` (``0-3,8``); None if absent or empty."""
        text = self.text(path)
        return parse_cpus(text) if text else None

    def glob(self, pattern: str) -> list[str]:
        """Return the absolute paths that match ``pattern``, numbers in numeric order."""
        found = (f"/{p.relative_to(self.root)}" for p in self.root.glob(pattern.lstrip("/")))
        return sorted(found, key=_numeric)


def parse_cpus(text: str) -> frozenset[int]:
    """Parse the kernel's CPU list format, e.g. ``0-3,8,10-11``."""
    cpus: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def _numeric(path: str) -> list[tuple[int, str]]:
    return [(int(part or 0), word) for word, part in re.findall(r"(\D*)(\d*)", path)]

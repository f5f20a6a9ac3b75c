"""What one measuring process is told to do: jobs of one supernet on one configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from latbase.db.records import Configuration, Subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Jobs that are measured together, interleaved.

    Attributes:
        supernet: its name in the store.
        supernet_id: whose definition this host's supernet of that name must have.
        jobs: the sub-network of every job, by job id.
        sources: supernets of users, as ``path/to/file.py:Name``, which may be the one.
        state_dir: of this host.
        outbox: folder that results go to.
        preset: name of the measuring protocol.
    """

    supernet: str
    supernet_id: str
    configuration: Configuration
    jobs: Mapping[str, Subnet]
    sources: tuple[str, ...]
    state_dir: Path
    outbox: Path
    preset: str

    def to_json(self) -> bytes:
        """Return what :meth:`from_json` reads."""
        return TypeAdapter(Assignment).dump_json(self)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what :meth:`to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)

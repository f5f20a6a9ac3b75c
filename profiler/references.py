"""The reference networks of a session: measured beside the others, they carry the scale."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from latbase.db.networks import subnets_of
from latbase.db.records import Facts, Subnet
from latbase.profiler.anchor import Scale, anchored, read_anchors, scale_of, write_anchors
from latbase.profiler.ledger import Estimate, Ledger
from latbase.supernets.supernet import Supernet

REFERENCE = "reference"
"""With the subnet_id after it, the key of a reference network among the sub-networks of a session.
"""

REFERENCE_SEED = 0
"""The reference networks are the first sub-networks this seed draws: ordinary ones, always the
same."""

MOST_REFERENCES = 4
"""Each is off by half a per cent or more from session to session, and the scale by their mean."""

SUBNETS_PER_REFERENCE = 16
"""So that reference networks take a sixteenth of the time, or a single one as long as any other."""


class References:
    """The reference networks of one session, more in a longer one, and some to spare.

    Args:
        network: the supernet.
        beside: sub-networks that are active at once.
        ledger: where the session's readings are.
        file: keeps the anchors from session to session.
    """

    def __init__(self, network: Supernet, *, beside: int, ledger: Ledger, file: Path) -> None:
        genotypes = network.space.sample(MOST_REFERENCES, REFERENCE_SEED)
        drawn = [(f"{REFERENCE} {one.subnet_id}", one) for one in subnets_of(network, genotypes)]
        count = min(MOST_REFERENCES, 1 + beside // SUBNETS_PER_REFERENCE)
        self._subnets = dict(drawn[:count])
        self._spares = dict(drawn[: count - 1 : -1])
        self._ledger = ledger
        self._file = file
        self._anchors = read_anchors(file)

    @property
    def subnets(self) -> Mapping[str, Subnet]:
        """Those of the session, by key."""
        return self._subnets

    def give_up(self, key: str) -> None:
        """Do without ``key`` if it is one of them; one to spare takes its place."""
        if self._subnets.pop(key, None) is not None and self._spares:
            self._subnets.update([self._spares.popitem()])

    def estimates(self) -> dict[str, Estimate]:
        """Return what is known of them, by subnet_id."""
        visited = {
            reference.subnet_id: self._ledger.estimate(key)
            for key, reference in self._subnets.items()
            if self._ledger.blocks(key)
        }
        # A single visit says nothing of its own error.
        return {key: found for key, found in visited.items() if math.isfinite(found.error)}

    def scale(self) -> Scale:
        """Return the scale; the first result sets it for references that no session had before."""
        found = self.estimates()
        scale = scale_of(self._anchors, found)
        anchors = anchored(self._anchors, found, scale=scale, at=time.time())
        if anchors != self._anchors:
            write_anchors(self._file, anchors)
            self._anchors = anchors
        return scale

    def facts(self, scale: Scale) -> Facts:
        """Return what is stored of ``scale`` with a number."""
        return {
            "file": str(self._file),
            "anchors": [asdict(anchor) for anchor in self._anchors],
            "references_ms": {
                subnet_id: math.exp(found.level) for subnet_id, found in self.estimates().items()
            },
            "offset_percent": scale.offset_percent,
        }

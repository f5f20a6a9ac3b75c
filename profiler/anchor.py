"""The reference networks' levels, kept on disk: they carry the scale from session to session.

The same host is two to six per cent faster or slower from one hour, or one process, to the next.
The first session of a configuration keeps what its reference networks took; every later one
measures the same networks in every round and scales its results so that the two agree on average.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from latbase.profiler.ledger import PROCESS_SD, Estimate

Anchors = tuple["Anchor", ...]

SESSION_SD = 0.04
"""Deviation between two sessions on one host: two to six per cent. What a number may be off that no
anchor ties to the first session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What a reference network took when it was first measured, on the scale of the first session.

    Attributes:
        subnet_id: the reference network.
        level_ms: its drift-adjusted robust mean.
        error: relative standard error of that.
        at: when, seconds since 1970.
    """

    subnet_id: str
    level_ms: float
    error: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a session compares with the first one of its configuration.

    Attributes:
        shift: what the scale adds to a level of the session, in log units.
        error: standard error of that from one session to another.
        lost: whether there are anchors, but none of the session's reference networks.
    """

    shift: float
    error: float
    lost: bool = False

    @property
    def offset_percent(self) -> float | None:
        """How much slower the host is than when its scale was set; None where nothing tells."""
        return None if self.lost else 100 * math.expm1(-self.shift)


def scale_of(anchors: Sequence[Anchor], references: Mapping[str, Estimate]) -> Scale:
    """Return the scale of a session, the mean over the reference networks that have an anchor.

    Args:
        anchors: of earlier sessions, or of this one.
        references: what this session knows of its reference networks so far, by subnet_id.
    """
    known = {one.subnet_id: one for one in anchors if one.subnet_id in references}
    shifts = [math.log(known[key].level_ms) - references[key].level for key in known]
    used = [references[key] for key in known or references]
    variance = sum(one.error**2 + 2 * PROCESS_SD**2 for one in used)
    variance += sum(one.error**2 for one in known.values())
    error = math.sqrt(variance) / max(1, len(used))
    if anchors and not known:
        return Scale(shift=0.0, error=math.hypot(error, SESSION_SD), lost=True)
    return Scale(shift=sum(shifts) / max(1, len(shifts)), error=error)


def anchored(
    anchors: Anchors, references: Mapping[str, Estimate], *, scale: Scale, at: float
) -> Anchors:
    """Return ``anchors`` and one for every reference network that has none yet."""
    known = {one.subnet_id for one in anchors}
    if scale.lost:
        return anchors  # nothing says where these references lie on that scale
    error = scale.error if anchors else 0.0  # without any, this session is the scale
    return anchors + tuple(
        Anchor(
            subnet_id=key,
            level_ms=math.exp(found.level + scale.shift),
            error=math.hypot(found.error, error),
            at=at,
        )
        for key, found in references.items()
        if key not in known
    )


def read_anchors(path: Path) -> Anchors:
    """Return the anchors in ``path``; none if it does not hold any."""
    try:
        found = json.loads(path.read_text())
        # Before there were several, the file held the one.
        anchors = [Anchor(**one) for one in (found if isinstance(found, list) else [found])]
        return tuple(one for one in anchors if math.isfinite(one.error))
    except (OSError, ValueError, TypeError):
        return ()


def write_anchors(path: Path, anchors: Anchors) -> None:
    """Keep ``anchors`` in ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(one) for one in anchors]))
    draft.replace(path)

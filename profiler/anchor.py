"""The reference network's level, kept on disk: it carries the scale from session to session.

The same host is two to six per cent faster or slower from one hour, or one process, to the next.
The first session of a configuration keeps what its reference network took; every later one
measures the same network in every round and scales its results so that the two agree.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What the reference network took in the first session.

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


def read_anchor(path: Path, subnet_id: str) -> Anchor | None:
    """Return the anchor in ``path``; None if there is none for the reference ``subnet_id``."""
    try:
        anchor = Anchor(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return anchor if anchor.subnet_id == subnet_id else None


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Keep ``anchor`` in ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(anchor)))
    draft.replace(path)

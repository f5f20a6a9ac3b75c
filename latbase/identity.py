"""Content hashes: the same facts give the same id on every host, so merging stores is a union."""

import hashlib
import json
from collections.abc import Mapping

ID_LENGTH = 16
"""Hexadecimal digits of an id: 64 bits, a collision chance of 3e-6 among ten million."""


def canonical_json(value: object) -> str:
    """Write ``value`` as the one JSON text that equal values share: sorted keys, no spaces.

    Raises:
        ValueError: a float is NaN or infinite, which JSON cannot carry.
        TypeError: a value is not a JSON type.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_id(kind: str, facts: Mapping[str, object]) -> str:
    """Return the 16-digit hexadecimal id of ``facts`` (JSON values) as a thing of ``kind``.

    ``kind`` keeps things of different sorts apart even when their facts agree.
    """
    text = canonical_json({"kind": kind, "facts": dict(facts)})
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]

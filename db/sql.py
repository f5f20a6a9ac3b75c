"""Named statements of the ``.sql`` files beside the code."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_SECTION = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(name: str) -> Mapping[str, str]:
    """Return the statements of ``statements/NAME.sql`` by the name that heads each."""
    text = (files("latbase.db") / "statements" / f"{name}.sql").read_text()
    _, *sections = _SECTION.split(text)
    return {
        heading: body.strip() for heading, body in zip(sections[::2], sections[1::2], strict=True)
    }

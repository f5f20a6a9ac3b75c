"""What was measured, on local disk until the store has it: append-only, one JSON object per line.

A line is written whole or, if the process is killed in mid-write, ignored when read again.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from latbase.profiler.ledger import Block, Built

Row = Block | Built
KINDS = {kind.__name__: kind for kind in (Block, Built)}


class Spool:
    """The spool of one configuration and supernet; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._end_torn_line()
        self._file = path.open("a", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, row: Row) -> None:
        """Write ``row``; it survives the death of this process once this returns."""
        self._file.write(json.dumps({"kind": type(row).__name__, **asdict(row)}) + "\n")

    def rows(self) -> Iterator[Row]:
        """Yield what was written so far, by this process or an earlier one."""
        for line in self._path.read_text().splitlines():
            try:
                fields: dict[str, Any] = json.loads(line)
                kind = KINDS[fields.pop("kind")]
                values: dict[str, Any] = {
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in fields.items()
                }
                yield kind(**values)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # torn by a kill

    def clear(self) -> None:
        """Forget everything: the store has it, or nobody asks for it any more."""
        self._file.truncate(0)

    def _end_torn_line(self) -> None:
        written = self._path.read_bytes() if self._path.exists() else b""
        if written and not written.endswith(b"\n"):
            with self._path.open("ab") as file:
                file.write(b"\n")

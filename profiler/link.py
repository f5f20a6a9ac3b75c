"""The store as a daemon holds it: opened when needed, served if it is a file, opened again."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from latbase.db import Store

if TYPE_CHECKING:
    from fastapi import APIRouter


class Link:
    """A way to the store at ``target`` that outlives the loss of it.

    A file that nobody serves is opened and served on loopback, so that other commands find it; a
    file that is served, and a URL, is reached through its service.

    Args:
        target: path or URL of the store.
        connect: opens it, see :func:`latbase.db.connect`.
        pages: what a service of the file serves besides, such as the dashboard.
    """

    def __init__(
        self,
        target: str,
        connect: Callable[[], Store],
        pages: "Callable[[], Sequence[APIRouter]]" = tuple,
    ) -> None:
        self.target = target
        self._connect = connect
        self._pages = pages
        self._open = ExitStack()
        self._store: Store | None = None

    @property
    def is_open(self) -> bool:
        """Whether the store was reached and not dropped since."""
        return self._store is not None

    def store(self) -> Store:
        """Return the store, after opening it if need be.

        Raises:
            StoreError: it cannot be opened now.
        """
        if self._store is None:
            with ExitStack() as stack:
                store = stack.enter_context(self._connect())
                if not self.target.startswith(("http://", "https://")):
                    _serve(store, stack, self._pages)
                self._open, self._store = stack.pop_all(), store
        return self._store

    def drop(self) -> None:
        """Let go of the store; the next use opens it again."""
        self._store = None
        self._open.close()


def _serve(store: Store, stack: ExitStack, pages: "Callable[[], Sequence[APIRouter]]") -> None:
    """Serve ``store`` until ``stack`` closes if this process owns its file."""
    # Only here: who works for a service elsewhere needs neither DuckDB nor a server.
    from latbase.db.duckdb_store import DuckDbStore  # noqa: PLC0415
    from latbase.db.service.running import Service  # noqa: PLC0415

    if isinstance(store, DuckDbStore):
        stack.enter_context(Service(store, routers=pages()))

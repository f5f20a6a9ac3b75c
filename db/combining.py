"""Do the work of everybody who waits in one go."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class _Turn(Generic[T]):
    """One caller's item and what became of it."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.error: BaseException | None = None


class Combiner(Generic[T]):
    """Hands the items of all threads that wait to one call: a commit costs the same for them all.

    Args:
        together: does the work of several items, all or none.
    """

    def __init__(self, together: Callable[[Sequence[T]], None]) -> None:
        self._together = together
        self._waiting: deque[_Turn[T]] = deque()
        self._lock = threading.Lock()

    def submit(self, item: T) -> None:
        """Return once the work of ``item`` is done; raise what that raises for it alone."""
        turn = _Turn(item)
        self._waiting.append(turn)
        with self._lock:
            if not turn.done:
                self._serve()
        if turn.error is not None:
            raise turn.error

    def _serve(self) -> None:
        turns = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._settle(turns)
        except BaseException as error:
            # Nobody else has these turns: their threads must not take the work for done.
            for turn in turns:
                if not turn.done:
                    turn.error, turn.done = error, True
            raise

    def _settle(self, turns: Sequence[_Turn[T]]) -> None:
        try:
            self._together([turn.item for turn in turns])
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            if len(turns) > 1:  # one bad item must not spoil the others
                for turn in turns:
                    self._settle([turn])
                return
            turns[0].error = error
        for turn in turns:
            turn.done = True

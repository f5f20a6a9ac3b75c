"""Which values each parameter may take, given its controller, as look-up tables.

Tables have the axes [parameter, index of its controller's value, index of its own value]; a
parameter without controller uses controller index 0.
"""

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets.parameter import Genotypes, Parameter

Flags = npt.NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)


class Choices:
    """The choices of every parameter; immutable.

    Args:
        parameters: in genotype order.
        limits: bool [parameter, controller index, index], what a restriction leaves.

    Attributes:
        controlled: whether a parameter has a controller, bool (p,).
        exists: whether a parameter has so many values, bool (p, most values).
        active: whether a parameter is active, bool [parameter, controller index].
        open: which values are left to choose, bool [parameter, controller index, index].

    Raises:
        InvalidInputError: the parameters contradict each other, or the limits leave nothing.
    """

    def __init__(self, parameters: Sequence[Parameter], limits: Flags | None = None) -> None:
        position = {parameter.name: i for i, parameter in enumerate(parameters)}
        _check(parameters)
        counts = np.array([len(q.values) for q in parameters])
        self._parameters = parameters
        self._controller: npt.NDArray[np.intp] = np.array(
            [position[q.controller or q.name] for q in parameters]
        )
        self.controlled: Flags = np.array([q.controller is not None for q in parameters])
        self._width = int(counts.max())
        self.exists: Flags = np.arange(self._width) < counts[:, None]
        self.active = self._activity()
        self.open: Flags = self.active[:, :, None] & self.exists[:, None, :]
        if limits is not None:
            self.open &= limits
            self._check_left()

    @cached_property
    def masked(self) -> npt.NDArray[np.int8]:
        """Table of the own index, or -1 where inactive."""
        index = np.arange(self._width, dtype=np.int8)
        return np.where(self.active[:, :, None], index, np.int8(-1))

    @cached_property
    def nearest(self) -> npt.NDArray[np.int8]:
        """Table of the nearest index left to choose; inactive: 0."""
        index = np.arange(self._width)
        distance = np.where(self.open[:, :, None, :], np.abs(index[:, None] - index), self._width)
        nearest = distance.argmin(axis=3).astype(np.int8)
        return np.where(self.active[:, :, None], nearest, np.int8(0))

    @cached_property
    def count(self) -> npt.NDArray[np.int64]:
        """Number of choices [parameter, controller index]; inactive: 1, index 0."""
        choices: npt.NDArray[np.int64] = self.open.sum(axis=2, dtype=np.int64)
        return choices.clip(min=1)

    @cached_property
    def ordered(self) -> npt.NDArray[np.int8]:
        """Table of the k-th choice at k; inactive: 0."""
        choices = np.argsort(~self.open, axis=2, kind="stable").astype(np.int8)
        return np.where(self.active[:, :, None], choices, np.int8(0))

    @cached_property
    def size(self) -> int:
        """Exact number of distinct sub-networks."""
        total = 1
        for root in np.flatnonzero(~self.controlled):
            children = np.flatnonzero(self.controlled & (self._controller == root))
            total *= sum(
                prod(self.count[children, value].tolist())
                for value in np.flatnonzero(self.open[root, 0])
            )
        return total

    def allowed(self, i: int) -> tuple[int, ...]:
        """Return the indices parameter ``i`` takes when active; (0,) if it never is."""
        found = self.open[i, self._reached(i)].any(axis=0)
        return tuple(np.flatnonzero(found).tolist()) or (0,)

    def controlling(self, g: Genotypes, i: npt.NDArray[np.intp]) -> Genotypes:
        """Return the controller indices under which parameters ``i`` stand, (n, len(i))."""
        return g[:, self._controller[i]] * self.controlled[i]

    def look_up(self, table: npt.NDArray[_Scalar], g: Genotypes) -> npt.NDArray[_Scalar]:
        """Gather each genotype's entries of ``table``, (n, p)."""
        codes = g[:, self._controller] * (self.controlled * self._width)
        codes += g
        codes += np.arange(len(self._parameters)) * self._width**2
        return table.ravel().take(codes)

    def _activity(self) -> Flags:
        active = np.zeros((len(self._parameters), self._width), dtype=np.bool_)
        for i, q in enumerate(self._parameters):
            controller = self._parameters[self._controller[i]]
            codes = [controller.code(value) for value in q.active_when]
            active[i, codes if self.controlled[i] else 0] = True
        return active

    def _reached(self, i: int) -> npt.NDArray[np.intp]:
        """Return the controller indices parameter ``i`` can stand under."""
        if not self.controlled[i]:
            return np.array([0])
        return np.flatnonzero(self.open[self._controller[i], 0])

    def _check_left(self) -> None:
        for i, q in enumerate(self._parameters):
            reached = self._reached(i)
            if (self.active[i, reached] & ~self.open[i, reached].any(axis=1)).any():
                raise InvalidInputError(
                    f"The restriction leaves no value for {q.name}; "
                    f"allow at least one of {q.values}."
                )


def _check(parameters: Sequence[Parameter]) -> None:
    named = {q.name: q for q in parameters}
    if not 0 < len(named) == len(parameters):
        raise InvalidInputError("A space needs parameters, each with a name of its own.")
    for q in parameters:
        if q.controller is None:
            continue
        controller = named.get(q.controller)
        if controller is None or controller.controller is not None:
            raise InvalidInputError(
                f"Parameter {q.name} names {q.controller} as its controller; "
                "expected another parameter that has none itself."
            )
        if not q.active_when:
            raise InvalidInputError(
                f"Parameter {q.name} is never active; "
                f"list in active_when some of {controller.values}."
            )

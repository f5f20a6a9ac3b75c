"""One elastic parameter of a supernet."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError

Genotypes = npt.NDArray[np.int8]
"""Value indices, (n, p)."""

Value = int | float | str

_MOST_VALUES = 127
"""Value indices are int8."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One elastic parameter.

    Attributes:
        name: its key in a configuration; ``ks[3]`` is entry 3 of the list under ``ks``.
        values: the values it can take, from small to large where they have an order.
        controller: name of the parameter that decides whether this one is active; None: always.
        active_when: values of the controller for which this parameter is active.
        aliases: pairs (other value, value of ``values``) that build the same network.
    """

    name: str
    values: tuple[Value, ...]
    controller: str | None = None
    active_when: tuple[Value, ...] = ()
    aliases: tuple[tuple[Value, Value], ...] = ()

    def __post_init__(self) -> None:
        given: object = self.values  # what a user's file says is not type-checked
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise InvalidInputError(
                f"Parameter {self.name} has the values {given!r}; give a tuple of them."
            )
        object.__setattr__(self, "values", tuple(given))
        for value in given:
            if not isinstance(value, Value) or value != value:  # noqa: PLR0124 - NaN
                raise InvalidInputError(
                    f"Parameter {self.name} has the value {value!r}; values are numbers or text. "
                    "Give the choice a name, and look up in build what it stands for."
                )
        if not 0 < len(set(self.values)) == len(self.values) <= _MOST_VALUES:
            raise InvalidInputError(
                f"Parameter {self.name} has the values {self.values}; "
                f"give 1 to {_MOST_VALUES} different ones."
            )

    def code(self, value: object) -> int:
        """Return the index of ``value``, or of the value it is an alias of.

        Raises:
            InvalidInputError: it is neither.
        """
        for other, same in self.aliases:
            if value == other:
                return self.values.index(same)
        if value in self.values:
            return self.values.index(value)
        raise InvalidInputError(f"{self.name} cannot be {value!r}; expected one of {self.values}.")

"""Search spaces: elastic parameters, which of them are active, and genotypes of both.

A genotype is an int8 row: for each parameter the index of its chosen value. A parameter may be
controlled by another one (a block by the depth of its stage): where the controller's value makes
it inactive it does not exist in the sub-network, and its canonical index is 0. Two genotypes are
the same sub-network exactly when their canonical forms are equal.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets import sampling
from latbase.supernets.choices import Choices, Flags
from latbase.supernets.configs import ConfigCodec
from latbase.supernets.cost import CostTables
from latbase.supernets.parameter import Genotypes, Parameter, Value

Allowed = Collection[Value] | Mapping[Value, Collection[Value]]
"""Values that stay; or, for each value of the controller, values that stay."""


MOST_DRAWN = 10_000_000
"""A sample of more would not fit the memory of most machines."""


class SearchSpace:
    """The sub-networks of a supernet as genotypes, int8 (n, p).

    Args:
        parameters: in genotype order. A controller must itself be uncontrolled.
        costs: exact block costs that become features, where the supernet knows them.

    Attributes:
        parameters: as given.
        p: number of parameters.

    Raises:
        InvalidInputError: the parameters contradict each other.
    """

    def __init__(self, parameters: Iterable[Parameter], *, costs: CostTables | None = None) -> None:
        self.parameters = tuple(parameters)
        self.p = len(self.parameters)
        self._costs = costs
        self._choices = Choices(self.parameters)
        self._codec = ConfigCodec(self.parameters)

    @property
    def size(self) -> int:
        """Exact number of distinct sub-networks."""
        return self._choices.size

    @cached_property
    def allowed(self) -> tuple[tuple[int, ...], ...]:
        """Per parameter, the value indices it takes when active; (0,) if it never is."""
        return tuple(self._choices.allowed(i) for i in range(self.p))

    def sample(self, n: int, seed: int) -> Genotypes:
        """Draw ``n`` distinct sub-networks, each parameter uniform over its allowed values.

        A longer sample of the same seed begins with the shorter one, up to half of the space.

        Returns:
            Canonical genotypes, int8 (n, p); all of them, in random order, if the space has
            fewer than ``n``.

        Raises:
            InvalidInputError: ``n`` or ``seed`` is negative, or ``n`` is more than memory holds.
        """
        if not 0 <= n <= MOST_DRAWN:
            raise InvalidInputError(
                f"Cannot draw {n} sub-networks; ask for zero to {MOST_DRAWN:,}."
            )
        if seed < 0:
            raise InvalidInputError(f"The seed is {seed}; expected zero or more.")
        return sampling.sample(self._choices, n, seed)

    def points(self) -> Genotypes:
        """List every sub-network once, canonical, int8 (size, p): for spaces that fit memory."""
        return sampling.points(self._choices)

    def smallest(self) -> Genotypes:
        """Return the sub-network with every parameter at its first allowed value, int8 (1, p)."""
        return self.canonical(np.array([[min(some) for some in self.allowed]], dtype=np.int8))

    def largest(self) -> Genotypes:
        """Return the sub-network with every parameter at its last allowed value, int8 (1, p)."""
        return self.canonical(np.array([[max(some) for some in self.allowed]], dtype=np.int8))

    def active(self, g: Genotypes) -> Flags:
        """Tell which parameters exist in each sub-network, bool (n, p)."""
        self.check(g)
        return self._choices.look_up(self._choices.masked, g) >= 0

    def canonical(self, g: Genotypes) -> Genotypes:
        """Return the one genotype that stands for each sub-network, int8 (n, p).

        Inactive parameters get index 0. In a restricted space a value that is not allowed moves
        to the nearest one that is, controllers first; so the result is always in the space.
        """
        self.check(g)
        table, free = self._choices.nearest, np.flatnonzero(~self._choices.controlled)
        roots = g.copy()
        roots[:, free] = table[free, 0, g[:, free]]
        return self._choices.look_up(table, roots)

    def validate(self, g: npt.NDArray[np.integer]) -> None:
        """Check that every row of ``g`` is a sub-network of this space.

        Raises:
            InvalidInputError: wrong shape or type, or an active parameter has an index that is
                not allowed; the message names the row and the parameter.
        """
        self.check(g)
        codes = g.astype(np.int8)
        self._refuse(g, self.active(codes) & ~self._choices.look_up(self._choices.open, codes))

    def to_configs(self, g: Genotypes) -> list[dict[str, object]]:
        """Write genotypes as configurations, entry for entry (inactive ones too)."""
        self.check(g)
        return self._codec.to_configs(g)

    def from_configs(self, configs: Sequence[Mapping[str, object]]) -> Genotypes:
        """Read configurations as genotypes, int8 (n, p), entry for entry.

        Raises:
            InvalidInputError: a key is missing or unknown, a list has the wrong length, or a
                value is not one of its parameter's.
        """
        return self._codec.from_configs(configs)

    def features(self, g: Genotypes) -> npt.NDArray[np.float64]:
        """Describe sub-networks for predictors, (n, f); equal for equal canonical forms.

        First one column per value of every parameter with a choice (1 if active and chosen);
        then, where the supernet knows them, exact MACs and then exact parameters: per block, per
        stage and in total. ``feature_names`` names the columns.
        """
        self.check(g)
        parameter, value = self._one_hot
        table = np.empty((len(g), len(self.feature_names)))
        indices = self._choices.look_up(self._choices.masked, g)
        table[:, : len(value)] = indices[:, parameter] == value
        if self._costs is not None:
            self._costs.features(g, out=table[:, len(value) :])
        return table

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`features`: ``ks[3]=5``, ``block 2.1 macs``, ``macs``."""
        one_hot = tuple(
            f"{self.parameters[i].name}={self.parameters[i].values[value]}"
            for i, value in zip(*self._one_hot, strict=True)
        )
        return one_hot + (self._costs.feature_names if self._costs else ())

    def restrict(self, allowed: Mapping[str, Allowed]) -> "SearchSpace":
        """Return the part of this space where the named parameters take only some values.

        The coding stays: genotypes, features and ids of both spaces are interchangeable.

        Args:
            allowed: by parameter name the values that stay; for a controlled parameter also
                ``{value of its controller: values}``, which couples the two.

        Raises:
            InvalidInputError: an unknown parameter or value, or nothing would be left of one.
        """
        limits = self._choices.open.copy()
        position = {parameter.name: i for i, parameter in enumerate(self.parameters)}
        for name, some in allowed.items():
            if name not in position:
                raise InvalidInputError(
                    f"There is no parameter {name}; the space has {', '.join(position)}."
                )
            limits[position[name]] &= self._limit(self.parameters[position[name]], some)
        space = SearchSpace(self.parameters, costs=self._costs)
        space._choices = Choices(self.parameters, limits)
        return space

    def definition(self) -> dict[str, object]:
        """Return what identifies the space, as JSON values; restrictions do not change it."""
        return {
            "parameters": [
                {
                    "name": parameter.name,
                    "values": list(parameter.values),
                    "controller": parameter.controller,
                    "active_when": list(parameter.active_when),
                }
                for parameter in self.parameters
            ]
        }

    @cached_property
    def _one_hot(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int8]]:
        """Parameter and value index of each one-hot column; a single value tells nothing."""
        exists = self._choices.exists
        parameter, value = np.nonzero(exists & (exists.sum(axis=1) > 1)[:, None])
        return parameter, value.astype(np.int8)

    def _limit(self, parameter: Parameter, some: Allowed) -> Flags:
        """Return what ``some`` leaves of a parameter, bool [controller index, index]."""
        limit = np.zeros(self._choices.open.shape[1:], dtype=np.bool_)
        if not isinstance(some, Mapping):
            limit[:, [parameter.code(value) for value in some]] = True
            return limit
        controller = next((q for q in self.parameters if q.name == parameter.controller), None)
        if controller is None:
            raise InvalidInputError(
                f"{parameter.name} has no controller; give a plain list of its values."
            )
        for value, own in some.items():
            limit[controller.code(value), [parameter.code(one) for one in own]] = True
        return limit

    def check(self, g: npt.NDArray[np.integer]) -> None:
        """Check shape and indices; unlike :meth:`validate` it takes values that are not allowed.

        Raises:
            InvalidInputError: look-up tables would answer wrongly for ``g``.
        """
        if g.ndim != 2 or g.shape[1] != self.p or not np.issubdtype(g.dtype, np.integer):  # noqa: PLR2004 - rows and columns
            raise InvalidInputError(
                f"Found an array {g.shape} of {g.dtype}; genotypes are whole numbers (n, {self.p})."
            )
        self._refuse(g, (g < 0) | (g >= self._choices.exists.sum(axis=1)))

    def _refuse(self, g: npt.NDArray[np.integer], wrong: Flags) -> None:
        if wrong.any():
            row, i = np.argwhere(wrong)[0]
            raise InvalidInputError(
                f"Genotype {row} has {g[row, i]} for {self.parameters[i].name}; "
                f"expected one of {self.allowed[i]} (indices of {self.parameters[i].values})."
            )

"""Search spaces: elastic parameters, which of them are active, and genotypes of both.

A genotype is an int8 row: for each parameter the index of its chosen value. A parameter may be
controlled by another one (a block by the depth of its stage): where the controller's value makes
it inactive it does not exist in the sub-network, and its canonical index is 0. Two genotypes are
the same sub-network exactly when their canonical forms are equal.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Self

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets.cost import CostTables

Genotypes = npt.NDArray[np.int8]
Value = int | float | str
Allowed = Collection[Value] | Mapping[Value, Collection[Value]]

_ENUMERABLE = 100_000
"""Spaces up to this size are listed whole to be sampled: milliseconds, and no draw is lost."""
_MOST_VALUES = 127
"""Value indices are int8."""
_NAME = re.compile(r"(?P<key>[^\[\]]+)(\[(?P<position>\d+)\])?")


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


class SearchSpace:
    """The sub-networks of a supernet as genotypes, int8 (n, p).

    Args:
        parameters: in genotype order. A controller must itself be uncontrolled.
        costs: exact block costs that become features, where the supernet knows them.

    Attributes:
        parameters: as given.
        p: number of parameters.
        allowed: per parameter, the value indices it takes when active. All of them unless
            :meth:`restrict` made this space.

    Raises:
        InvalidInputError: the parameters contradict each other.
    """

    def __init__(self, parameters: Iterable[Parameter], *, costs: CostTables | None = None) -> None:
        self.parameters = tuple(parameters)
        self.p = len(self.parameters)
        self._costs = costs
        self._position = {parameter.name: i for i, parameter in enumerate(self.parameters)}
        self._check_parameters()
        self._layout = _layout(self.parameters)
        self._codes = [_codes(parameter) for parameter in self.parameters]
        self._controller = np.array(
            [self._position.get(q.controller or q.name, i) for i, q in enumerate(self.parameters)]
        )
        self._controlled = np.array([q.controller is not None for q in self.parameters])
        self._active = self._activity()
        self._choices = self._active[:, :, None] & self._exists()[:, None, :]

    @property
    def allowed(self) -> tuple[tuple[int, ...], ...]:
        """Per parameter, the value indices it takes when active; (0,) if it never is."""
        rows = []
        for i in range(self.p):
            reachable = self._choices[i][self._controller_values(i)].any(axis=0)
            rows.append(tuple(np.flatnonzero(reachable).tolist()) or (0,))
        return tuple(rows)

    @cached_property
    def size(self) -> int:
        """Exact number of distinct sub-networks."""
        counts = np.maximum(self._choices.sum(axis=2), 1)
        total = 1
        for root in np.flatnonzero(~self._controlled):
            children = np.flatnonzero(self._controlled & (self._controller == root))
            total *= sum(
                prod(int(counts[child, value]) for child in children)
                for value in np.flatnonzero(self._choices[root, 0])
            )
        return total

    def sample(self, n: int, seed: int) -> Genotypes:
        """Draw ``n`` distinct sub-networks, each parameter uniform over its allowed values.

        A longer sample of the same seed begins with the shorter one.

        Returns:
            Canonical genotypes, int8 (n, p); all of them, in random order, if the space has
            fewer than ``n``.

        Raises:
            InvalidInputError: ``n`` is negative.
        """
        if n < 0:
            raise InvalidInputError(f"Cannot draw {n} sub-networks; ask for zero or more.")
        rng = np.random.default_rng(seed)
        if self.size <= max(_ENUMERABLE, 2 * n):
            return self._shuffled(rng)[:n]
        drawn = np.empty((0, self.p), dtype=np.int8)
        while len(drawn) < n:
            drawn = _distinct(np.vstack([drawn, self._draw(n - len(drawn), rng)]))
        return drawn

    def points(self) -> Genotypes:
        """List every sub-network once, canonical, int8 (size, p): for spaces that fit memory."""
        rows = np.zeros((1, self.p), dtype=np.int8)
        for i in np.argsort(self._controlled, kind="stable"):
            count = self._count[i][self._controlling(rows, i)]
            rows = np.repeat(rows, count, axis=0)
            turn = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
            rows[:, i] = self._ordered[i, self._controlling(rows, i), turn]
        return rows

    def smallest(self) -> Genotypes:
        """Return the sub-network with every parameter at its first allowed value, int8 (1, p)."""
        return self.canonical(np.array([[min(a) for a in self.allowed]], dtype=np.int8))

    def largest(self) -> Genotypes:
        """Return the sub-network with every parameter at its last allowed value, int8 (1, p)."""
        return self.canonical(np.array([[max(a) for a in self.allowed]], dtype=np.int8))

    def active(self, g: Genotypes) -> npt.NDArray[np.bool_]:
        """Tell which parameters exist in each sub-network, bool (n, p)."""
        return self._look_up(self._masked, g) >= 0

    def canonical(self, g: Genotypes) -> Genotypes:
        """Return the one genotype that stands for each sub-network, int8 (n, p).

        Inactive parameters get index 0. In a restricted space a value that is not allowed moves
        to the nearest one that is, controllers first; so the result is always in the space.
        """
        controllers = np.where(self._controlled, g, self._look_up(self._nearest, g))
        return self._look_up(self._nearest, controllers.astype(np.int8))

    def validate(self, g: Genotypes) -> None:
        """Check that every row of ``g`` is a sub-network of this space.

        Raises:
            InvalidInputError: wrong shape or type, or an active parameter has an index that is
                not allowed; the message names the row and the parameter.
        """
        if not isinstance(g, np.ndarray) or g.ndim != 2 or g.shape[1] != self.p:  # noqa: PLR2004 - rows and columns
            found = getattr(g, "shape", type(g).__name__)
            raise InvalidInputError(f"Genotypes must be an array (n, {self.p}); found {found}.")
        if not np.issubdtype(g.dtype, np.integer):
            raise InvalidInputError(f"Genotypes must be whole numbers; found {g.dtype}.")
        outside = (g < 0) | (g >= self._exists().sum(axis=1))
        self._refuse(g, outside)
        controllers = g[:, self._controller] * self._controlled
        allowed = self._choices[np.arange(self.p), controllers, g]
        self._refuse(g, ~allowed & self.active(g))

    def to_configs(self, g: Genotypes) -> list[dict[str, object]]:
        """Write genotypes as configurations, entry for entry (inactive ones too)."""
        values = [parameter.values for parameter in self.parameters]
        return [
            {
                key: values[i][row[i]] if isinstance(i, int) else [values[j][row[j]] for j in i]
                for key, i in self._layout.items()
            }
            for row in g.tolist()
        ]

    def from_configs(self, configs: Sequence[Mapping[str, object]]) -> Genotypes:
        """Read configurations as genotypes, int8 (n, p), entry for entry.

        Raises:
            InvalidInputError: a key is missing or unknown, a list has the wrong length, or a
                value is not one of its parameter's.
        """
        rows = [self._row(config, n) for n, config in enumerate(configs)]
        return np.array(rows, dtype=np.int8).reshape(len(rows), self.p)

    def features(self, g: Genotypes) -> npt.NDArray[np.float64]:
        """Describe sub-networks for predictors, (n, f); equal for equal canonical forms.

        First one column per value of every parameter with a choice (1 if active and chosen),
        then, where the supernet knows them, exact MACs and parameters: per block, per stage and
        in total. ``feature_names`` names the columns.
        """
        parameter, value = self._one_hot
        chosen = self._look_up(self._masked, g)[:, parameter] == value
        if self._costs is None:
            return chosen.astype(np.float64)
        costs = self._costs.features(g)
        table = np.empty((len(g), len(value) + costs.shape[1]))
        table[:, : len(value)] = chosen
        table[:, len(value) :] = costs
        return table

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each column of :meth:`features`: ``ks[3]=5``, ``block 2.1 macs``, ``macs``."""
        names = tuple(
            f"{self.parameters[i].name}={self.parameters[i].values[v]}"
            for i, v in zip(*self._one_hot, strict=True)
        )
        return names + (self._costs.feature_names if self._costs else ())

    def restrict(self, allowed: Mapping[str, Allowed]) -> Self:
        """Return the part of this space where the named parameters take only some values.

        The coding stays: genotypes, features and ids of both spaces are interchangeable.

        Args:
            allowed: by parameter name the values that stay; for a controlled parameter also
                ``{value of its controller: values}``, which couples the two (CompOFA).

        Raises:
            InvalidInputError: an unknown parameter or value, or nothing would be left of one.
        """
        restricted = type(self)(self.parameters, costs=self._costs)
        restricted._choices = self._choices.copy()  # noqa: SLF001 - a second one of ourselves
        for name, values in allowed.items():
            i = self._index(name)
            restricted._choices[i] &= self._mask(i, values)  # noqa: SLF001
        restricted._check_left()  # noqa: SLF001
        return restricted

    def definition(self) -> dict[str, object]:
        """Return what identifies the space, as JSON values; restrictions do not change it."""
        return {
            "parameters": [
                {
                    "name": q.name,
                    "values": list(q.values),
                    "controller": q.controller,
                    "active_when": list(q.active_when),
                }
                for q in self.parameters
            ]
        }

    def _check_parameters(self) -> None:
        if len(self._position) < self.p:
            raise InvalidInputError("Two parameters share a name; names must differ.")
        for q in self.parameters:
            if not 0 < len(set(q.values)) == len(q.values) <= _MOST_VALUES:
                raise InvalidInputError(
                    f"Parameter {q.name} has the values {q.values}; "
                    f"give 1 to {_MOST_VALUES} different ones."
                )
            if q.controller is not None:
                self._check_control(q)

    def _check_control(self, q: Parameter) -> None:
        controller = self.parameters[self._index(str(q.controller))]
        if controller.controller is not None:
            raise InvalidInputError(
                f"Parameter {q.name} is controlled by {controller.name}, which is itself "
                "controlled; name the uncontrolled one."
            )
        strange = set(q.active_when) - set(controller.values)
        if strange or not q.active_when:
            raise InvalidInputError(
                f"Parameter {q.name} is active when {controller.name} is {q.active_when}; "
                f"expected some of {controller.values}."
            )

    def _index(self, name: str) -> int:
        if name not in self._position:
            raise InvalidInputError(
                f"There is no parameter {name}; the space has {', '.join(self._position)}."
            )
        return self._position[name]

    def _exists(self) -> npt.NDArray[np.bool_]:
        """Which value indices each parameter has, bool (p, most values)."""
        counts = np.array([len(q.values) for q in self.parameters])
        return np.arange(counts.max(initial=1)) < counts[:, None]

    def _activity(self) -> npt.NDArray[np.bool_]:
        """Whether parameter i is active at index c of its controller, bool (p, most values).

        Uncontrolled parameters use c = 0 alone.
        """
        active = np.zeros_like(self._exists())
        for i, q in enumerate(self.parameters):
            if q.controller is None:
                active[i, 0] = True
            else:
                codes = self._codes[self._controller[i]]
                active[i, [codes[value] for value in q.active_when]] = True
        return active

    @cached_property
    def _masked(self) -> npt.NDArray[np.int8]:
        """Table [parameter, controller index, index] → index, or -1 where inactive."""
        return self._every(np.where(self._active[:, :, None], np.arange(self._width), -1))

    @cached_property
    def _nearest(self) -> npt.NDArray[np.int8]:
        """Table [parameter, controller index, index] → the nearest allowed index, inactive 0."""
        distance = np.abs(np.arange(self._width)[:, None] - np.arange(self._width))
        reach = np.where(self._choices[:, :, None, :], distance, self._width)
        return self._every(reach.argmin(axis=3) * self._active[:, :, None])

    @cached_property
    def _count(self) -> npt.NDArray[np.int64]:
        """How many choices [parameter, controller index]; inactive has one, index 0."""
        return np.maximum(self._choices.sum(axis=2), 1)

    @cached_property
    def _ordered(self) -> npt.NDArray[np.int8]:
        """Table [parameter, controller index, k] → index of the k-th choice; inactive: 0."""
        ordered = np.argsort(~self._choices, axis=2, kind="stable")
        return (ordered * self._active[:, :, None]).astype(np.int8)

    @cached_property
    def _one_hot(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int8]]:
        """Parameter and value index of each one-hot column; a single value tells nothing."""
        has = self._exists() & (self._exists().sum(axis=1) > 1)[:, None]
        parameter, value = np.nonzero(has)
        return parameter, value.astype(np.int8)

    @property
    def _width(self) -> int:
        return self._choices.shape[2]

    def _every(self, table: npt.NDArray[np.intp]) -> npt.NDArray[np.int8]:
        """Repeat an uncontrolled parameter's only row for all its (own) controller indices."""
        table[~self._controlled] = table[~self._controlled][:, :1]
        return table.astype(np.int8)

    def _look_up(self, table: npt.NDArray[np.int8], g: Genotypes) -> npt.NDArray[np.int8]:
        """Gather ``table[i, index of i's controller, index of i]`` for every entry, (n, p)."""
        codes = g[:, self._controller] * np.intp(self._width)
        codes += g
        codes += np.arange(self.p) * self._width**2
        return table.ravel()[codes]

    def _controlling(self, g: Genotypes, i: int) -> npt.NDArray[np.int8]:
        """Return the controller index that selects row of parameter ``i``'s tables, (n,)."""
        return g[:, self._controller[i]] * np.int8(self._controlled[i])

    def _controller_values(self, i: int) -> npt.NDArray[np.intp]:
        """Return the controller indices under which parameter ``i`` is reached."""
        if not self._controlled[i]:
            return np.array([0])
        return np.flatnonzero(self._choices[self._controller[i], 0])

    def _draw(self, n: int, rng: np.random.Generator) -> Genotypes:
        """Draw canonical genotypes, int8 (n, p), repeats included."""
        u = rng.random((n, self.p))
        g = np.zeros((n, self.p), dtype=np.int8)
        for columns in (~self._controlled, self._controlled):
            i = np.flatnonzero(columns)
            controller = g[:, self._controller[i]] * self._controlled[i]
            turn = (u[:, i] * self._count[i, controller]).astype(np.intp)
            g[:, i] = self._ordered[i, controller, turn]
        return g

    def _shuffled(self, rng: np.random.Generator) -> Genotypes:
        """Put all sub-networks in the order in which distinct draws would find them.

        Exponential clocks with a point's probability as rate ring in exactly that order.
        """
        points = self.points()
        controller = points[:, self._controller] * self._controlled
        chance = 1 / self._count[np.arange(self.p), controller].prod(axis=1, dtype=np.float64)
        return points[np.argsort(rng.exponential(size=len(points)) / chance)]

    def _refuse(self, g: npt.NDArray[np.integer], wrong: npt.NDArray[np.bool_]) -> None:
        if wrong.any():
            row, i = np.argwhere(wrong)[0]
            raise InvalidInputError(
                f"Genotype {row} has {g[row, i]} for {self.parameters[i].name}; "
                f"expected one of {self.allowed[i]} (indices of {self.parameters[i].values})."
            )

    def _row(self, config: Mapping[str, object], n: int) -> list[int]:
        if not isinstance(config, Mapping) or set(config) != set(self._layout):
            keys = sorted(config) if isinstance(config, Mapping) else config
            raise InvalidInputError(
                f"Configuration {n} has {keys}; expected the keys {sorted(self._layout)}."
            )
        row = [0] * self.p
        for key, where in self._layout.items():
            if isinstance(where, int):
                row[where] = self._code(where, config[key], n)
                continue
            entries = _entries(config[key])
            if len(entries) != len(where):
                raise InvalidInputError(
                    f"Configuration {n} has {config[key]!r} for {key}; "
                    f"expected a list of {len(where)} values."
                )
            for i, entry in zip(where, entries, strict=True):
                row[i] = self._code(i, entry, n)
        return row

    def _code(self, i: int, value: object, n: int) -> int:
        try:
            return self._codes[i][value]  # type: ignore[index] # what is no key is refused below
        except (KeyError, TypeError):
            q = self.parameters[i]
            raise InvalidInputError(
                f"Configuration {n} has {value!r} for {q.name}; expected one of {q.values}."
            ) from None

    def _mask(self, i: int, values: Allowed) -> npt.NDArray[np.bool_]:
        """Return which indices ``values`` names, bool (controller indices, indices)."""
        mask = np.zeros_like(self._choices[i])
        if not isinstance(values, Mapping):
            mask[:, self._named(i, values)] = True
        elif self._controlled[i]:
            for controller, some in values.items():
                mask[
                    np.ix_(self._named(self._controller[i], [controller]), self._named(i, some))
                ] = True
        else:
            raise InvalidInputError(
                f"{self.parameters[i].name} has no controller; give a plain list of its values."
            )
        return mask

    def _named(self, i: int, values: Collection[Value]) -> list[int]:
        unknown = [value for value in values if value not in self._codes[i]]
        if unknown:
            q = self.parameters[i]
            raise InvalidInputError(f"{q.name} cannot be {unknown[0]!r}; its values: {q.values}.")
        return [self._codes[i][value] for value in values]

    def _check_left(self) -> None:
        for i, q in enumerate(self.parameters):
            reached = self._controller_values(i)
            if (self._active[i, reached] & ~self._choices[i, reached].any(axis=1)).any():
                raise InvalidInputError(
                    f"The restriction leaves no value for {q.name}; "
                    f"allow at least one of {q.values}."
                )


def _layout(parameters: Sequence[Parameter]) -> dict[str, int | list[int]]:
    """Say for each key of a configuration which parameter, or list of parameters, it holds."""
    layout: dict[str, int | list[int]] = {}
    for i, q in enumerate(parameters):
        match = _NAME.fullmatch(q.name)
        entries = layout.setdefault(match["key"], []) if match and match["position"] else None
        if match is None or (entries is None and match["key"] in layout):
            raise InvalidInputError(
                f"Parameter name {q.name!r}: expected `key` or `key[position]`."
            )
        if entries is None:
            layout[q.name] = i
        elif isinstance(entries, list) and int(match["position"]) == len(entries):
            entries.append(i)
        else:
            raise InvalidInputError(
                f"Parameter {q.name} is out of turn; number {match['key']} from 0 without gaps."
            )
    return layout


def _codes(parameter: Parameter) -> dict[Value, int]:
    """Map each value, and each alias, to its index."""
    codes = {value: index for index, value in enumerate(parameter.values)}
    return codes | {other: codes[value] for other, value in parameter.aliases}


def _entries(entry: object) -> list[object]:
    return list(entry) if isinstance(entry, Iterable) and not isinstance(entry, str) else []


def _distinct(g: Genotypes) -> Genotypes:
    """Drop repeated rows, keeping the order of first appearance."""
    first = np.unique(g, axis=0, return_index=True)[1]
    return g[np.sort(first)]

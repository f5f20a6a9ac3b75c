"""A super-network of the user's own: a plain class, taken as a :class:`Supernet`.

docs/own-supernet.md says what the class may have. Whatever is wrong with it becomes a
:class:`SupernetError` that names the class and the fix.
"""

import inspect
import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError, SupernetError
from latbase.identity import canonical_json
from latbase.supernets.accuracy.appraiser import Appraiser
from latbase.supernets.accuracy.recorded import read_table
from latbase.supernets.cost import Cost
from latbase.supernets.parameter import Genotypes, Parameter
from latbase.supernets.space import SearchSpace
from latbase.supernets.supernet import NOTHING_TO_BUILD, Config, Supernet

if TYPE_CHECKING:
    import torch

EVALUATES = ("top1",)
"""What ``evaluate`` gives unless the class lists ``objectives``."""

COSTS = ("macs", "params")

_TOO_COSTLY = 2**63
"""Costs are kept as int64."""

_IMAGE_AXES = 3


class OwnSupernet(Supernet):
    """What a user's object says, completed by what follows from it.

    Args:
        own: an instance of the user's class.

    Raises:
        SupernetError: something is missing or cannot be used.
    """

    def __init__(self, own: object) -> None:
        self._own = _Guarded(own)
        self.name = self._name()
        self.space = self._space()
        self.default_input_size = self._default_input_size()
        self.appraisers = self._appraisers()
        self._cost_of = cache(self._cost)

    @property
    def weights_origin(self) -> str:
        """Whatever the user's ``build`` puts in."""
        finish = " and finish" if self._own.has("finish") else ""
        return f"from build{finish} of the class {self._own.title}"

    def build(self, config: Config) -> "torch.nn.Module":
        """Return what the user's ``build`` makes, in eval mode.

        Raises:
            InvalidInputError: ``config`` is no sub-network of the space.
            SupernetError: ``build`` is missing, fails, or gives something else.
        """
        return self._network("build", self._canonical(config))

    def finished(self, config: Config) -> "torch.nn.Module":
        """Return what the user's ``finish`` makes of the built sub-network, if there is one.

        Raises:
            InvalidInputError: ``config`` is no sub-network of the space.
            SupernetError: ``build`` or ``finish`` fails, or gives something else.
        """
        network = self.build(config)
        return self._network("finish", network) if self._own.has("finish") else network

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> "tuple[torch.Tensor, ...]":
        """Return what the user's ``inputs`` makes, or standard normal tensors of ``input_shape``.

        Raises:
            SupernetError: there is neither, or the shape has no side that ``input_size`` could set.
        """
        import torch  # noqa: PLC0415 - a space must load without torch

        size = self.default_input_size if input_size is None else input_size
        if self._own.has("inputs"):
            made = self._own.call("inputs", batch_size, size, seed)
            tensors = tuple(made) if isinstance(made, tuple | list) else (made,)
            if not all(isinstance(each, torch.Tensor) for each in tensors):
                raise self._own.wrong(
                    f"returned {made!r} from inputs", "return a torch.Tensor, or a tuple of them"
                )
            return tensors
        generator = torch.Generator().manual_seed(seed)
        return (torch.randn(batch_size, *self._shape(size), generator=generator),)

    def costs(self, g: Genotypes, input_size: int | None = None) -> npt.NDArray[np.int64]:
        """Return MACs (per item) and parameters, int64 (n, 2): the user's own, or counted."""
        size = self.default_input_size if input_size is None else input_size
        found = [self._cost_of(row.tobytes(), size) for row in self.space.canonical(g)]
        return np.array([(cost.macs, cost.params) for cost in found], np.int64).reshape(-1, 2)

    def counted(self, config: Config, input_size: int | None = None) -> Cost:
        """Build the sub-network of ``config`` and count its cost."""
        from latbase.supernets import counting  # noqa: PLC0415 - torch loads here

        return counting.counted(self.build(config), self.inputs(1, input_size))

    def _network(self, method: str, given: object) -> "torch.nn.Module":
        from torch import nn  # noqa: PLC0415 - a space must load without torch

        network = self._own.call(method, given)
        if not isinstance(network, nn.Module):
            raise self._own.wrong(
                f"returned a {type(network).__name__} from {method}", "return a torch.nn.Module"
            )
        return network.eval()

    def _cost(self, key: bytes, input_size: int) -> Cost:
        config = self.space.to_configs(np.frombuffer(key, np.int8)[None])[0]
        if not self._own.has("cost") or input_size != self.default_input_size:
            return self.counted(config, input_size)
        found = self._own.call("cost", config)
        given = (found.macs, found.params) if isinstance(found, Cost) else found
        try:
            macs, params = map(operator.index, given)
        except (TypeError, ValueError):
            macs = params = -1
        if not all(0 <= number < _TOO_COSTLY for number in (macs, params)):
            raise self._own.wrong(
                f"returned {found!r} from cost", "return whole numbers (macs of one item, params)"
            )
        return Cost(macs=macs, params=params)

    def _canonical(self, config: Config) -> dict[str, object]:
        return self.space.to_configs(self.space.canonical(self.space.from_configs([config])))[0]

    def _space(self) -> SearchSpace:
        given = self._own.get("parameters", None)
        if isinstance(given, Mapping):
            given = [self._parameter(name, values) for name, values in given.items()]
        if not isinstance(given, Sequence) or not all(isinstance(q, Parameter) for q in given):
            raise self._own.wrong(
                f"has parameters = {given!r}",
                'give names with their values, e.g. {"width": (8, 16)}, or a list of Parameter',
            )
        try:
            return SearchSpace(given)
        except InvalidInputError as error:
            raise self._own.wrong(f"has impossible parameters: {error}", "repair them") from error

    def _parameter(self, name: object, values: object) -> Parameter:
        try:
            return Parameter(str(name), values)  # type: ignore[arg-type]  # it checks them
        except InvalidInputError as error:
            raise self._own.wrong(f"has impossible parameters: {error}", "repair it") from error

    def _default_input_size(self) -> int:
        given = self._own.get("default_input_size", None)
        if given is not None:
            if not isinstance(given, int) or given < 1:
                raise self._own.wrong(
                    f"has default_input_size = {given!r}", "give a whole number from 1 on"
                )
            return given
        shape = self._own.get("input_shape", None)
        sides = shape if isinstance(shape, tuple | list) else ()
        if sides and all(isinstance(n, int) and n > 0 for n in sides):
            return int(sides[-1])
        if not self._own.has("build"):
            return NOTHING_TO_BUILD
        raise self._own.wrong(
            f"has input_shape = {shape!r} and no default_input_size",
            "give the shape of one item, e.g. input_shape = (3, 32, 32), or an inputs method "
            "and the default_input_size it is called with",
        )

    def _shape(self, input_size: int) -> tuple[int, ...]:
        shape: tuple[int, ...] = tuple(self._own.get("input_shape", ()))
        if input_size == self.default_input_size and shape:
            return shape
        if len(shape) == _IMAGE_AXES and shape[1] == shape[2]:
            return (shape[0], input_size, input_size)
        raise self._own.wrong(
            f"has input_shape = {shape}, which does not say what inputs of size {input_size} are",
            "define inputs(batch_size, input_size, seed)",
        )

    def _appraisers(self) -> dict[str, Appraiser]:
        found: dict[str, Appraiser] = {}
        if self._own.has("table"):
            path = self._own.source.parent / str(self._own.get("table", ""))
            try:
                found |= read_table(path, self.space)
            except InvalidInputError as error:
                raise self._own.wrong(f"has an unfit table: {error}", "repair it") from error
        elif not self._own.has("build"):
            raise self._own.wrong("has neither build nor table", "define build(config)")
        if self._own.has("build") and not self._own.has("cost"):
            found = {name: _Counted(network=self, name=name) for name in COSTS} | found
        if self._own.has("evaluate"):
            names = self._objectives()
            once = cache(lambda config_json: self._own.evaluate(json.loads(config_json), names))
            found |= {name: _Evaluated(own=self._own, name=name, once=once) for name in names}
        return found

    def _name(self) -> str:
        given = self._own.get("name", self._own.title)
        if not isinstance(given, str) or not given:
            raise self._own.wrong(f"has name = {given!r}", "give it a text, or leave it out")
        return given

    def _objectives(self) -> tuple[str, ...]:
        given = self._own.get("objectives", EVALUATES)
        if (
            not isinstance(given, tuple | list)
            or not given
            or not all(isinstance(name, str) for name in given)
        ):
            raise self._own.wrong(
                f"has objectives = {given!r}",
                'give the names of what evaluate returns, e.g. objectives = ("top1",)',
            )
        return tuple(given)


class _Guarded:
    """The user's object; what it lacks or does wrong becomes an error that names its class."""

    def __init__(self, own: object) -> None:
        self._own = own
        self.title = type(own).__name__
        self.source = Path(inspect.getfile(type(own)))

    def has(self, name: str) -> bool:
        return hasattr(self._own, name)

    def get(self, name: str, default: Any) -> Any:
        return getattr(self._own, name, default)

    def call(self, name: str, *arguments: object) -> Any:
        method = self.get(name, None)
        if not callable(method):
            raise self.wrong(f"has no {name}", f"define {name}(config)")
        try:
            return method(*arguments)
        except (Exception, SystemExit) as error:
            shown = ", ".join(map(repr, arguments))
            raise self.wrong(
                f"failed in {name}({shown}) with {type(error).__name__}: {error}", "repair it"
            ) from error

    def evaluate(self, config: Config, names: tuple[str, ...]) -> dict[str, float]:
        """Return a finite number or NaN for each of ``names``."""
        found = self.call("evaluate", config)
        values = {names[0]: found} if isinstance(found, Real) else found
        if (
            not isinstance(values, Mapping)
            or set(values) != set(names)
            or any(not isinstance(v, Real) or math.isinf(v) for v in values.values())
        ):
            raise self.wrong(
                f"returned {found!r} from evaluate",
                f"return a finite number for each of its objectives: {', '.join(names)}",
            )
        return {name: float(value) for name, value in values.items()}

    def wrong(self, found: str, fix: str) -> SupernetError:
        told = " ".join(found.split()).rstrip(".")  # what libraries raise may have many lines
        return SupernetError(
            f"Supernet class {self.title} ({self.source.name}) {told}; {fix}. "
            "See docs/own-supernet.md."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """A cost that takes building a network."""

    network: OwnSupernet
    name: str
    label: str = "analytic"
    conditions: None = None

    def __call__(self, config: Config) -> float:
        return float(getattr(self.network.cost(config), self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluated:
    """One of the values that the user's ``evaluate`` gives."""

    own: _Guarded
    name: str
    once: Callable[[str], Mapping[str, float]]
    label: str = "validated"

    @property
    def conditions(self) -> Mapping[str, object]:
        """The file the class is in, and what the class says of its data and weights."""
        evaluated_on = self.own.get("evaluated_on", {})
        try:
            canonical_json(evaluated_on)
        except (TypeError, ValueError) as error:
            raise self.own.wrong(
                f"has evaluated_on = {evaluated_on!r}",
                "give finite numbers and text, alone or in dictionaries and lists",
            ) from error
        return {
            "class": self.own.title,
            "file_sha256": sha256(self.own.source.read_bytes()).hexdigest(),
            "evaluated_on": evaluated_on,
        }

    def __call__(self, config: Config) -> float:
        return self.once(canonical_json(dict(config)))[self.name]

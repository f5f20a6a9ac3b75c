"""Configurations (what a supernet's own framework reads) to genotypes and back."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from latbase.errors import InvalidInputError
from latbase.supernets.parameter import Genotypes, Parameter

_NAME = re.compile(r"(?P<key>[^\[\]]+)(\[(?P<position>\d+)\])?")


class ConfigCodec:
    """Translate entry for entry, inactive parameters included.

    Raises:
        InvalidInputError: the parameters' names describe no configuration.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = parameters
        self._layout = _layout(parameters)

    def to_configs(self, g: Genotypes) -> list[dict[str, object]]:
        """Write genotypes, int8 (n, p), as configurations."""
        values = [parameter.values for parameter in self._parameters]
        return [
            {
                key: values[where][row[where]]
                if isinstance(where, int)
                else [values[i][row[i]] for i in where]
                for key, where in self._layout.items()
            }
            for row in g.tolist()
        ]

    def from_configs(self, configs: Sequence[Mapping[str, object]]) -> Genotypes:
        """Read configurations as genotypes, int8 (n, p).

        Raises:
            InvalidInputError: a key is missing or unknown, a list has the wrong length, or a
                value is not one of its parameter's.
        """
        g = np.empty((len(configs), len(self._parameters)), dtype=np.int8)
        for n, config in enumerate(configs):
            try:
                g[n] = self._row(config)
            except InvalidInputError as error:
                raise InvalidInputError(f"Configuration {n}: {error}") from None
        return g

    def _row(self, config: Mapping[str, object]) -> list[int]:
        if set(config) != set(self._layout):
            raise InvalidInputError(
                f"found the keys {', '.join(map(str, config))}; expected {', '.join(self._layout)}."
            )
        row = [0] * len(self._parameters)
        for key, where in self._layout.items():
            positions = [where] if isinstance(where, int) else where
            entries = [config[key]] if isinstance(where, int) else _entries(config[key])
            if len(entries) != len(positions):
                raise InvalidInputError(
                    f"found {key} = {config[key]!r}; expected a list of {len(positions)} values."
                )
            for i, entry in zip(positions, entries, strict=True):
                row[i] = self._parameters[i].code(entry)
        return row


def _layout(parameters: Sequence[Parameter]) -> dict[str, int | list[int]]:
    """Say for each key of a configuration which parameter, or list of parameters, it holds."""
    layout: dict[str, int | list[int]] = {}
    for i, parameter in enumerate(parameters):
        match = _NAME.fullmatch(parameter.name)
        if match is None:
            raise InvalidInputError(
                f"Parameter name {parameter.name!r}: expected `key` or `key[position]`."
            )
        held = layout.setdefault(match["key"], [] if match["position"] else i)
        if isinstance(held, list) and match["position"] == str(len(held)):
            held.append(i)
        elif held != i:
            raise InvalidInputError(
                f"Parameter {parameter.name} is out of turn; "
                f"number {match['key']} from 0 without gaps or repeats."
            )
    return layout


def _entries(entry: object) -> list[object]:
    return list(entry) if isinstance(entry, Iterable) else []

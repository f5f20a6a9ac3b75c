"""Tables of recorded values: a row per sub-network, a column per parameter and per value."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latbase.errors import InvalidInputError
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.parameter import Genotypes
from latbase.supernets.space import SearchSpace

_NAME = re.compile(r"[A-Za-z]\w*")
"""What can be written where objectives are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One column of a table; NaN for a sub-network without a row."""

    space: SearchSpace
    values: Mapping[bytes, float]
    label: str = "recorded"
    conditions: None = None

    def __call__(self, config: Config) -> float:
        """Look the value up."""
        row = self.space.canonical(self.space.from_configs([config]))
        return self.values.get(row.tobytes(), float("nan"))


def read_table(path: Path, space: SearchSpace) -> dict[str, Recorded]:
    """Read a .csv or .parquet table; every column that is no parameter is an objective.

    Entries of inactive parameters do not matter and may be empty; an empty value is NaN.

    Raises:
        InvalidInputError: the file cannot be read, a parameter has no column, or no entry where it
            is active; an entry is not one of its parameter's, a value is no finite number, an
            objective has a name that cannot be asked for, or a sub-network has two rows.
    """
    columns = _columns(path)
    names = [parameter.name for parameter in space.parameters]
    missing = [name for name in names if name not in columns]
    if missing:
        raise InvalidInputError(
            f"{path} has no column for {', '.join(missing)}; it has {', '.join(columns)}."
        )
    keys = [row.tobytes() for row in _genotypes(path, space, columns)]
    if len(set(keys)) < len(keys):
        first = next(key for i, key in enumerate(keys) if key in keys[:i])
        rows = [_place(path, i) for i, key in enumerate(keys) if key == first]
        raise InvalidInputError(
            f"{', '.join(rows)} are the same sub-network; keep one, e.g. their mean."
        )
    found = {
        name: Recorded(
            space=space, values=dict(zip(keys, _values(path, name, columns[name]), strict=True))
        )
        for name in columns.keys() - names
    }
    if not found:
        raise InvalidInputError(f"{path} has no column besides the parameters; add values.")
    return found


def _values(path: Path, name: str, column: list[object]) -> list[float]:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{path}: nobody can ask for the objective {name!r}; rename the column to letters, "
            "digits and _, a letter first."
        )
    try:
        values = [float("nan") if v is None else float(v) for v in column]  # type: ignore[arg-type]
    except ValueError as error:
        raise InvalidInputError(f"{path}: column {name} is not numeric ({error}).") from error
    for row, value in enumerate(values):
        if math.isinf(value):
            raise InvalidInputError(
                f"{_place(path, row)}: {name} is {value}; give a finite number, or leave it empty."
            )
    return values


def _genotypes(path: Path, space: SearchSpace, columns: Mapping[str, list[object]]) -> Genotypes:
    g = np.zeros((len(next(iter(columns.values()))), space.p), dtype=np.int8)
    empty = np.zeros(g.shape, dtype=np.bool_)
    for i, parameter in enumerate(space.parameters):
        for row, value in enumerate(columns[parameter.name]):
            if value in (None, ""):  # an empty cell of a column of numbers, or of text
                empty[row, i] = True
                continue
            try:
                g[row, i] = parameter.code(value)
            except InvalidInputError as error:
                raise InvalidInputError(f"{_place(path, row)}: {error}") from None
    empty &= space.active(g)
    if empty.any():
        row, i = np.argwhere(empty)[0]
        raise InvalidInputError(
            f"{_place(path, row)}: {space.parameters[i].name} is empty; give one of "
            f"{space.parameters[i].values}, or remove the row."
        )
    return space.canonical(g)


def _place(path: Path, row: int) -> str:
    """Name a row as an editor shows it: under the names, counted from 1."""
    return f"{path}, line {row + 2}" if path.suffix == ".csv" else f"{path}, row {row}"


def _columns(path: Path) -> dict[str, list[object]]:
    import pyarrow as pa  # noqa: PLC0415 - only tables need it
    from pyarrow import csv, parquet  # noqa: PLC0415

    readers = {".csv": csv.read_csv, ".parquet": parquet.read_table}
    if path.suffix not in readers:
        raise InvalidInputError(f"{path} is no table latbase reads; give .csv or .parquet.")
    try:
        columns: dict[str, list[object]] = readers[path.suffix](path).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(f"The table {path} cannot be read: {error}.") from error
    return columns

"""Tables of recorded values: a row per sub-network, a column per parameter and per value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latbase.errors import InvalidInputError
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.parameter import Genotypes
from latbase.supernets.space import SearchSpace


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

    Entries of inactive parameters do not matter and may be empty.

    Raises:
        InvalidInputError: the file cannot be read, a parameter has no column, a value is not one of
            its parameter's, a value column is not numeric, or a sub-network has two rows.
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
        rows = [str(i) for i, key in enumerate(keys) if key == first]
        raise InvalidInputError(
            f"{path}: rows {', '.join(rows)} are the same sub-network; keep one, e.g. their mean."
        )
    found = {}
    for name in columns.keys() - names:
        try:
            values = [float("nan") if v is None else float(v) for v in columns[name]]  # type: ignore[arg-type]
        except ValueError as error:
            raise InvalidInputError(f"{path}: column {name} is not numeric ({error}).") from error
        found[name] = Recorded(space=space, values=dict(zip(keys, values, strict=True)))
    if not found:
        raise InvalidInputError(f"{path} has no column besides the parameters; add values.")
    return found


def _genotypes(path: Path, space: SearchSpace, columns: Mapping[str, list[object]]) -> Genotypes:
    g = np.zeros((len(next(iter(columns.values()))), space.p), dtype=np.int8)
    for i, parameter in enumerate(space.parameters):
        for row, value in enumerate(columns[parameter.name]):
            if value is None:
                continue
            try:
                g[row, i] = parameter.code(value)
            except InvalidInputError as error:
                raise InvalidInputError(f"{path}, row {row}: {error}") from None
    return space.canonical(g)


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

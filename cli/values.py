"""Rows of a result as Python values, also where Python has none for them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def rows(table: "pa.Table") -> list[dict[str, object]]:
    """Return the rows of ``table``; times beyond Python's are text, as ISO 8601 or infinity."""
    try:
        found: list[dict[str, object]] = table.to_pylist()
    except (OverflowError, ValueError):
        columns = [[_value(item) for item in column] for column in table.columns]
        return [
            dict(zip(table.column_names, values, strict=True))
            for values in zip(*columns, strict=True)
        ]
    return found


def _value(item: "pa.Scalar") -> object:
    import pyarrow as pa

    try:
        return item.as_py()
    except (OverflowError, ValueError):
        if isinstance(item, pa.StructScalar):
            return {name: _value(part) for name, part in item.items()}
        if isinstance(item, pa.ListScalar | pa.FixedSizeListScalar):  # a map is one, too
            return [_value(part) for part in item.values]
        if isinstance(item, pa.UnionScalar):
            return _value(item.value)
        if isinstance(item, pa.Date32Scalar):
            return _time(item.value, "D", 2**31 - 1)
        if isinstance(item, pa.TimestampScalar):
            zone = "+00:00" if item.type.tz else ""
            return _time(item.value, item.type.unit, 2**63 - 1, zone)
        raise


def _time(number: int, unit: str, infinity: int, zone: str = "") -> str:
    """Return the time so many units after 1970; DuckDB has the last number stand for infinity."""
    import numpy as np

    if abs(number) == infinity:
        return "infinity" if number > 0 else "-infinity"
    return f"{np.array(number, np.int64).view(f'M8[{unit}]')}{zone}"

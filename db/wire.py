"""What travels between a service and its clients: version, parameters, Arrow streams."""

import io
import math
import numbers
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from latbase import errors
from latbase.db.rows import BY_NAME, TABLES, Table
from latbase.db.store import Parameters
from latbase.errors import InvalidInputError, LatbaseError, StoreError

API_VERSION = 1
"""Raised when an older client or service could misunderstand a newer one."""

API_HEADER = "Latbase-Api"
ARROW = "application/vnd.apache.arrow.stream"
DUCKDB = "application/vnd.duckdb"

_TABLE = b"latbase.table"

_TYPED: Mapping[str, tuple[type, Callable[[Any], str], Callable[[str], object]]] = {
    "timestamp": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "uuid": (UUID, str, UUID),
    "decimal": (Decimal, str, Decimal),
    "blob": (bytes, bytes.hex, bytes.fromhex),
    "double": (float, repr, float),
}
"""Parameters that JSON has no word for: their type, and the way to text and back.

A moment is a date, too, so it comes first.
"""

Ending = Mapping[bytes, bytes]
"""Metadata of a last, empty batch: why a stream ended early."""


def ending(error: LatbaseError) -> Ending:
    """Return ``error`` as the metadata of a stream's last batch."""
    return {b"error": type(error).__name__.encode(), b"message": str(error).encode()}


def named_error(name: str, message: str) -> LatbaseError:
    """Return the error that a service reported by its class name: here and there it is the same."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, LatbaseError):
        return kind(message)
    return StoreError(message)


def plain_parameters(parameters: Parameters) -> object:
    """Return parameters of a query as JSON values; what JSON lacks becomes ``{"date": "…"}``.

    Raises:
        InvalidInputError: a value cannot be sent.
    """
    if isinstance(parameters, Mapping):
        return {_text(name): _plain(value) for name, value in parameters.items()}
    return None if parameters is None else [_plain(value) for value in parameters]


def typed_parameters(parameters: object) -> Parameters:
    """Undo :func:`plain_parameters`.

    Raises:
        InvalidInputError: a value cannot be bound.
    """
    if isinstance(parameters, dict):
        return {_text(name): _typed(value) for name, value in parameters.items()}
    return [_typed(value) for value in parameters] if isinstance(parameters, list) else None


def encode_rows(batches: Sequence[tuple[Table, pa.Table]]) -> bytes:
    """Return one Arrow stream per table, one after the other, each naming its table."""
    sink = io.BytesIO()
    for table, rows in batches:
        schema = table.schema.with_metadata({_TABLE: table.name.encode()})
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(rows.select(schema.names).cast(schema))
    return sink.getvalue()


def decode_rows(body: bytes) -> list[tuple[Table, pa.Table]]:
    """Undo :func:`encode_rows`, checking everything; tables come in the order of writing.

    Raises:
        InvalidInputError: the body is not such streams, or a table's columns are not the store's.
    """
    source, found = pa.BufferReader(body), []
    try:
        _refuse_compressed(body)
        while source.tell() < source.size():
            with pa.ipc.open_stream(source) as reader:
                name = (reader.schema.metadata or {}).get(_TABLE, b"").decode()
                if name not in BY_NAME:
                    raise InvalidInputError(
                        f"A batch is for the table {name!r}; a store has {_KNOWN}."
                    )
                _refuse_other_types(BY_NAME[name], reader.schema)
                rows = reader.read_all()
            rows.validate(full=True)
            found.append((BY_NAME[name], rows.select(BY_NAME[name].schema.names)))
        cast = [(table, rows.cast(table.schema)) for table, rows in found]
    except (pa.ArrowException, OSError, ValueError, KeyError, struct.error) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            f"The body is not Arrow streams of a store's tables: {error}"
        ) from error
    if not cast:  # as of a file that lost its content: nothing may pass for delivered
        raise InvalidInputError("The body is empty; expected Arrow streams of a store's tables.")
    return sorted(cast, key=lambda item: TABLES.index(item[0]))


class StreamEncoder:
    """Writes an Arrow stream piece by piece.

    Args:
        schema: of every batch.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return the next piece; the first one carries the schema too."""
        self._writer.write_batch(batch)
        return self._taken()

    def end(self, why_early: Ending | None = None) -> bytes:
        """Return the last piece."""
        if why_early:
            # Of the ways to make an empty column this one knows every type, also UNION.
            columns = [pa.nulls(0, field.type) for field in self._schema]
            nothing = pa.RecordBatch.from_arrays(columns, schema=self._schema)
            self._writer.write_batch(nothing, custom_metadata=dict(why_early))
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        piece = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return piece


def decode_stream(source: io.BufferedIOBase) -> Iterator[pa.RecordBatch | Ending | pa.Schema]:
    """Yield the schema, then batches, and the ending of a stream that ended early."""
    with pa.ipc.open_stream(source) as reader:
        yield reader.schema
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            yield dict(metadata) if metadata else batch


def _refuse_other_types(table: Table, schema: pa.Schema) -> None:
    """Refuse columns that could take more room in memory than in the body, as of one value."""
    for field in table.schema:
        if (found := schema.field(field.name).type) != field.type:
            raise InvalidInputError(
                f"The column {field.name} of {table.name} is of type {found}; it must be "
                f"{field.type}."
            )


def _refuse_compressed(body: bytes) -> None:
    """Refuse buffers that take more room in memory than in the body, before any is unpacked."""
    for message in _messages(body):
        if message.type == "schema":
            continue
        if message.type != "record batch" or _names_compression(message.metadata):
            raise InvalidInputError("A batch is compressed, or has a dictionary; send it as it is.")


def _messages(body: bytes) -> Iterator[pa.ipc.Message]:
    source = pa.BufferReader(body)
    while source.tell() < source.size():
        reader = pa.ipc.MessageReader.open_stream(source)
        with suppress(StopIteration):
            while True:
                yield reader.read_next_message()


def _names_compression(metadata: pa.Buffer) -> bool:
    """Say whether a message, a FlatBuffer that Arrow has verified, is of a compressed batch.

    PyArrow does not tell. In Arrow's Message.fbs the header is the third field of ``Message``, and
    the compression the fourth of ``RecordBatch``.
    """

    def number(form: str, at: int) -> int:
        (found,) = struct.unpack_from(f"<{form}", metadata, at)
        return int(found)

    def field(table: int, index: int) -> int | None:
        fields = table - number("i", table)
        slot = 4 + 2 * index
        offset = number("H", fields + slot) if slot < number("H", fields) else 0
        return table + offset if offset else None

    header = field(number("I", 0), 2)
    return header is not None and field(header + number("I", header), 3) is not None


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):  # NumPy's, too
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        return value if math.isfinite(value) else {"double": repr(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for name, (kind, to_text, _) in _TYPED.items():
        if isinstance(value, kind):
            return {name: to_text(value)}
    raise _unfit(value)


def _typed(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        ((name, text),) = value.items()
        return _TYPED[name][2](text)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise _unfit(value) from error


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"A parameter holds what is no text: {value!a}.") from error
    return value


def _unfit(value: object) -> InvalidInputError:
    return InvalidInputError(
        "A parameter is text, a number, a truth value, null, a list of those, or one of "
        f'{", ".join(_TYPED)} as {{"timestamp": "2026-05-01T12:00:00+00:00"}}; found {value!a}.'
    )


_KNOWN = ", ".join(table.name for table in TABLES)

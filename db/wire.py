"""What travels between a service and its clients: version, parameters, Arrow streams."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from latbase import errors
from latbase.db.rows import BY_NAME, TABLES, Table
from latbase.db.store import Parameters
from latbase.errors import InvalidInputError, LatbaseError, StoreError

API_VERSION = 1
"""Raised when an older client or service could misunderstand a newer one."""

API_HEADER = "Latbase-Api"
ARROW = "application/vnd.apache.arrow.stream"

_TABLE = b"latbase.table"
_TIMESTAMP = "timestamp"

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
    """Return parameters of a query as JSON values; times become ``{"timestamp": …}``."""
    if isinstance(parameters, Mapping):
        return {name: _plain(value) for name, value in parameters.items()}
    return None if parameters is None else [_plain(value) for value in parameters]


def typed_parameters(parameters: object) -> Parameters:
    """Undo :func:`plain_parameters`.

    Raises:
        InvalidInputError: a value cannot be bound.
    """
    if isinstance(parameters, dict):
        return {name: _typed(value) for name, value in parameters.items()}
    return [_typed(value) for value in parameters] if isinstance(parameters, list) else None


def encode_rows(batches: Sequence[tuple[Table, pa.Table]]) -> bytes:
    """Return one Arrow stream per table, one after the other, each naming its table."""
    sink = io.BytesIO()
    for table, rows in batches:
        schema = rows.schema.with_metadata({_TABLE: table.name.encode()})
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(rows.replace_schema_metadata(schema.metadata))
    return sink.getvalue()


def decode_rows(body: bytes) -> list[tuple[Table, pa.Table]]:
    """Undo :func:`encode_rows`, checking everything; tables come in the order of writing.

    Raises:
        InvalidInputError: the body is not such streams, or a table's columns are not the store's.
    """
    source, found = pa.BufferReader(body), []
    try:
        while source.tell() < source.size():
            with pa.ipc.open_stream(source) as reader:
                name = (reader.schema.metadata or {}).get(_TABLE, b"").decode()
                if name not in BY_NAME:
                    raise InvalidInputError(
                        f"A batch is for the table {name!r}; a store has {_KNOWN}."
                    )
                rows = reader.read_all()
            rows.validate(full=True)
            found.append((BY_NAME[name], rows.select(BY_NAME[name].schema.names)))
        cast = [(table, rows.cast(table.schema)) for table, rows in found]
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            f"The body is not Arrow streams of a store's tables: {error}"
        ) from error
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
            nothing = pa.RecordBatch.from_pylist([], schema=self._schema)
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


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {_TIMESTAMP: value.isoformat()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _typed(value: object) -> object:
    if isinstance(value, dict):
        try:
            return datetime.fromisoformat(value[_TIMESTAMP])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(
                "A parameter is text, a number, a truth value, null, a list of those, or a time as "
                f'{{"timestamp": "2026-05-01T12:00:00+00:00"}}; found {value}.'
            ) from error
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return value


_KNOWN = ", ".join(table.name for table in TABLES)

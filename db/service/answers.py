"""Results of queries as Arrow streams that stop when their reader goes away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pyarrow as pa
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from latbase.db import wire
from latbase.db.service.limits import Limits
from latbase.db.service.models import Query
from latbase.db.store import OwnedStore
from latbase.db.wire import StreamEncoder
from latbase.errors import LatbaseError, QueryRefusedError

LOOK_S = 0.1
"""Pause between looks whether the client is still there."""


async def answer(
    request: Request, store: OwnedStore, query: Query, limits: Limits
) -> StreamingResponse:
    """Start the query and stream its result; errors before the first rows are raised.

    Raises:
        LatbaseError: as :meth:`Store.query`.
    """
    cancelled = threading.Event()
    pieces = _pieces(store, query, limits, cancelled)
    watcher = asyncio.create_task(_watch(request, cancelled))
    try:
        head = await run_in_threadpool(next, pieces)
    except BaseException:
        watcher.cancel()
        raise
    return StreamingResponse(_rest(head, pieces, watcher), media_type=wire.ARROW)


async def _rest(
    head: bytes, pieces: Iterator[bytes], watcher: "asyncio.Task[None]"
) -> AsyncIterator[bytes]:
    try:
        yield head
        while piece := await run_in_threadpool(next, pieces, b""):
            yield piece
    finally:
        watcher.cancel()


async def _watch(request: Request, cancelled: threading.Event) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110 - the server offers no event
        await asyncio.sleep(LOOK_S)
    cancelled.set()


def _pieces(
    store: OwnedStore, query: Query, limits: Limits, cancelled: threading.Event
) -> Iterator[bytes]:
    """Yield the stream; once rows went out, an error becomes its ending."""
    encoder: StreamEncoder | None = None
    try:
        with store.stream(
            query.sql,
            wire.typed_parameters(query.parameters),
            timeout_s=min(query.timeout_s or limits.query_s, limits.query_s),
            cancelled=cancelled,
        ) as reader:
            batches = _limited(reader, query.max_rows, limits.rows)
            first = next(batches, None)
            encoder = StreamEncoder(reader.schema)
            if first is not None:
                yield encoder.rows(first)
                yield from map(encoder.rows, batches)
        yield encoder.end()
    except LatbaseError as error:
        if encoder is None:
            raise
        yield encoder.end(wire.ending(error))


def _limited(
    reader: pa.RecordBatchReader, max_rows: int | None, most: int
) -> Iterator[pa.RecordBatch]:
    left = most if max_rows is None else min(max_rows, most)
    for batch in reader:
        if len(batch) > left and max_rows is None:
            raise QueryRefusedError(
                f"The result has more than {most} rows, the limit of this service; ask for less, "
                "or set max_rows."
            )
        yield batch.slice(0, left)
        left -= min(left, len(batch))
        if left == 0 and max_rows is not None:
            return

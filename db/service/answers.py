"""Results of queries as Arrow streams that stop when their reader goes away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack, suppress

import anyio
import pyarrow as pa
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from latbase.db import wire
from latbase.db.service.limits import Limits
from latbase.db.service.models import Query
from latbase.db.store import OwnedStore
from latbase.db.wire import StreamEncoder
from latbase.errors import LatbaseError, QueryRefusedError, StoreBusyError

LOOK_S = 0.1
"""Pause between looks whether the client is still there."""

PIECE_BYTES = 2**20
"""Shorter batches travel together: each piece costs two changes of threads."""

GRACE_S = 5.0
"""How long a client may take to hear that its query's time is up."""


async def answer(
    request: Request,
    store: OwnedStore,
    query: Query,
    limits: Limits,
    places: asyncio.Semaphore,
) -> StreamingResponse:
    """Start the query and stream its result; errors before the first rows are raised.

    It takes one of ``places`` for as long as it lasts.

    Raises:
        StoreBusyError: none became free.
        LatbaseError: as :meth:`Store.query`.
    """
    timeout_s = min(query.timeout_s or limits.query_s, limits.query_s)
    cancelled = threading.Event()
    pieces = _pieces(store, query, limits.rows, timeout_s, cancelled)
    async with AsyncExitStack() as held:
        await _take(places, limits)
        held.callback(places.release)
        held.callback(asyncio.create_task(_watch(request, cancelled)).cancel)
        held.push_async_callback(run_in_threadpool, _end, pieces, cancelled)
        head = await run_in_threadpool(next, pieces)
        return _Answer(_rest(head, pieces), held.pop_all(), timeout_s + GRACE_S)


class _Answer(StreamingResponse):
    """Lets go of what the query holds however it ends: read, left by its client, or not read."""

    def __init__(self, content: AsyncIterator[bytes], held: AsyncExitStack, most_s: float) -> None:
        super().__init__(content, media_type=wire.ARROW)
        self._held = held
        self._most_s = most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with anyio.move_on_after(self._most_s):  # nothing else stops one that waits to send
                await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._held.aclose()


async def _take(places: asyncio.Semaphore, limits: Limits) -> None:
    try:
        async with asyncio.timeout(limits.wait_s):
            await places.acquire()
    except TimeoutError:
        raise StoreBusyError(
            f"The service answers {limits.queries} queries at a time and none of them ended within "
            f"{limits.wait_s:g} s; ask again later."
        ) from None


async def _rest(head: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    while piece := await run_in_threadpool(next, pieces, b""):
        yield piece


def _end(pieces: Generator[bytes], cancelled: threading.Event) -> None:
    cancelled.set()
    with suppress(ValueError):  # a thread that a stopping server left behind is still inside
        pieces.close()


async def _watch(request: Request, cancelled: threading.Event) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110 - the server offers no event
        await asyncio.sleep(LOOK_S)
    cancelled.set()


def _pieces(
    store: OwnedStore, query: Query, rows: int, timeout_s: float, cancelled: threading.Event
) -> Generator[bytes]:
    """Yield the stream; once rows went out, an error becomes its ending."""
    encoder: StreamEncoder | None = None
    try:
        with store.stream(
            query.sql,
            wire.typed_parameters(query.parameters),
            timeout_s=timeout_s,
            cancelled=cancelled,
        ) as reader:
            batches = _limited(reader, query.max_rows, rows)
            first = next(batches, None)
            encoder = StreamEncoder(reader.schema)
            if first is not None:
                yield encoder.rows(first)
                yield from _together(map(encoder.rows, batches))
        yield encoder.end()
    except LatbaseError as error:
        if encoder is None:
            raise
        yield encoder.end(wire.ending(error))


def _together(parts: Iterator[bytes]) -> Iterator[bytes]:
    piece = bytearray()
    for part in parts:
        piece += part
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _limited(
    reader: pa.RecordBatchReader, max_rows: int | None, most: int
) -> Iterator[pa.RecordBatch]:
    left = most if max_rows is None else min(max_rows, most)
    cut = left == max_rows
    for batch in reader:
        if len(batch) > left and not cut:
            raise QueryRefusedError(
                f"The result has more than {most} rows, the limit of this service; ask for less, "
                f"or set max_rows to at most {most}."
            )
        yield batch.slice(0, left)
        left -= min(left, len(batch))
        if left == 0 and cut:
            return

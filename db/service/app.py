"""The HTTP service: typed operations on a store, and read-only SQL.

Everything under ``/v1/`` needs the role its description names; ``/health`` and ``/openapi.json``
need none. Errors come as JSON with the class of :mod:`latbase.errors` and its message.
"""

import asyncio
import importlib.metadata
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from latbase.db import wire
from latbase.db.jobs import Job, JobRequest
from latbase.db.service import answers, metrics, models
from latbase.db.service.gate import Gate, needs, refuse_tables
from latbase.db.service.limits import BodyLimit, Limits
from latbase.db.store import OwnedStore
from latbase.db.tokens import Role, Token
from latbase.errors import (
    InvalidInputError,
    LatbaseError,
    QueryRefusedError,
    QueryTimeoutError,
    StoreAccessError,
    StoreError,
    StoreVersionError,
    UnknownNameError,
)

STATUSES: dict[type[LatbaseError], int] = {
    StoreAccessError: 403,
    UnknownNameError: 404,
    InvalidInputError: 422,
    QueryRefusedError: 400,
    QueryTimeoutError: 504,
    StoreVersionError: 426,
    StoreError: 503,
}
"""HTTP status of each error, the most particular first."""

HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
"""What some statuses say besides."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Failure} for status in (400, 401, 403, 404, 413, 422, 426, 503, 504)
}

BINARY = {"type": "string", "format": "binary"}


def _same_version(request: Request) -> None:
    """Refuse a client of another API version; one that names none, like curl, is served."""
    spoken = request.headers.get(wire.API_HEADER, str(wire.API_VERSION))
    if spoken != str(wire.API_VERSION):
        raise StoreVersionError(
            f"The client speaks version {spoken} of the API and this service version "
            f"{wire.API_VERSION}; upgrade the older latbase of the two."
        )


SAME_VERSION = Depends(_same_version)
READER, HOST, OPERATOR = (Depends(needs(role)) for role in Role)


def create_app(
    store: OwnedStore, limits: Limits | None = None, routers: Sequence[APIRouter] = ()
) -> FastAPI:
    """Return the service of ``store``, which the caller closes after it.

    Args:
        store: what it serves.
        limits: what one request may cost.
        routers: more to serve, such as the dashboard; each guards itself with :func:`needs`.
    """
    bounds = limits or Limits()
    app = FastAPI(title="latbase", version=importlib.metadata.version("latbase"))
    app.state.store = store
    app.state.gate = Gate(store.tokens)
    app.state.instance = secrets.token_hex(8)
    app.state.limits = bounds
    app.state.places = asyncio.Semaphore(bounds.queries)
    app.state.registry = CollectorRegistry()
    app.state.registry.register(metrics.Contents(store))
    app.include_router(_open)
    app.include_router(_asking)
    app.include_router(_measuring)
    app.include_router(_operating)
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(LatbaseError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unserved)
    app.add_middleware(BodyLimit, body_bytes=bounds.body_bytes)
    app.add_middleware(metrics.Measured, registry=app.state.registry)
    return app


_open = APIRouter()
_asking = APIRouter(prefix="/v1", responses=REFUSALS, dependencies=[SAME_VERSION, READER])
_measuring = APIRouter(prefix="/v1", responses=REFUSALS, dependencies=[SAME_VERSION, HOST])
_operating = APIRouter(prefix="/v1", responses=REFUSALS, dependencies=[SAME_VERSION, OPERATOR])


@_open.get("/health")
async def health(request: Request) -> models.Health:
    """Say that the service answers."""
    # Asynchronous, so that it needs no thread: it answers also while all of them are busy.
    return models.Health(
        version=request.app.version, api=wire.API_VERSION, instance=request.app.state.instance
    )


@_open.get("/metrics", dependencies=[READER], response_class=Response)
def prometheus(request: Request) -> Response:
    """Give Prometheus what it counts; for readers."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


@_asking.post(
    "/query",
    response_class=StreamingResponse,
    responses={200: {"content": {wire.ARROW: {"schema": BINARY}}}},
)
async def query(request: Request, body: models.Query) -> StreamingResponse:
    """Answer one statement that only reads, as an Arrow stream; for readers."""
    state = request.app.state
    return await answers.answer(request, state.store, body, state.limits, state.places)


@_measuring.post(
    "/records",
    status_code=204,
    responses={415: {"model": models.Failure}},
    openapi_extra={
        "requestBody": {
            "content": {wire.ARROW: {"schema": BINARY}},
            "required": True,
        }
    },
)
async def write(request: Request) -> None:
    """Write rows, one Arrow stream per table, all or none; for hosts.

    What a host has no part in, such as searches, is for operators.
    """
    found = request.headers.get("content-type", "").partition(";")[0]
    if found != wire.ARROW:
        # A page of any site may have a browser send it text or a form; this type it may not.
        raise HTTPException(415, f"Rows come as {wire.ARROW}; found {found or 'no type'}.")
    body = await request.body()
    await run_in_threadpool(_write, request, body)


@_measuring.post("/jobs/claim")
def claim(request: Request, body: models.Claim) -> list[Job]:
    """Lease jobs to a host; for hosts."""
    return _store(request).jobs.claim(
        body.host_id, body.configuration_ids, limit=body.limit, lease_s=body.lease_s
    )


@_measuring.post("/jobs/heartbeat")
def heartbeat(request: Request, body: models.Heartbeat) -> models.Held:
    """Renew leases and say which are still held; for hosts."""
    held = _store(request).jobs.heartbeat(body.host_id, body.job_ids, lease_s=body.lease_s)
    return models.Held(job_ids=held)


@_measuring.post("/jobs/finish", status_code=204)
def finish(request: Request, body: models.Finish) -> None:
    """Mark jobs as done; for hosts."""
    _store(request).jobs.finish(body.host_id, body.job_ids)


@_measuring.post("/jobs/fail")
def fail(request: Request, body: models.Fail) -> models.Standing:
    """Give a job back with the reason; for hosts."""
    return models.Standing(status=_store(request).jobs.fail(body.host_id, body.job_id, body.error))


@_operating.post("/jobs")
def enqueue(request: Request, body: models.Enqueue) -> models.Count:
    """Queue jobs; for operators."""
    jobs = [JobRequest(**job.model_dump()) for job in body.jobs]
    return models.Count(count=_store(request).jobs.enqueue(jobs))


@_operating.post("/jobs/cancel")
def cancel(request: Request, body: models.Cancel) -> models.Count:
    """Call off jobs; for operators."""
    return models.Count(count=_store(request).jobs.cancel(body.job_ids))


@_operating.get("/tokens")
def tokens(request: Request) -> list[Token]:
    """List tokens without their secrets; for operators."""
    return list(_store(request).tokens.all())


@_operating.post("/tokens")
def create_token(request: Request, body: models.CreateToken) -> models.CreatedToken:
    """Make a token and show its secret, once; for operators."""
    made = _store(request).tokens.create(body.name, body.role, valid_for=body.valid_for)
    return models.CreatedToken(token=made.token, bearer=made.bearer)


@_operating.delete("/tokens/{token_id}")
def revoke_token(request: Request, token_id: str) -> Token:
    """End a token; for operators."""
    return _store(request).tokens.revoke(token_id)


@_operating.get(
    "/backup",
    response_class=FileResponse,
    responses={200: {"content": {wire.DUCKDB: {"schema": BINARY}}}},
)
def backup(request: Request) -> FileResponse:
    """Give a copy of the database as of this moment; for operators."""
    folder = Path(tempfile.mkdtemp(prefix="latbase-backup-"))
    try:
        _store(request).backup(folder / "backup.duckdb")
    except BaseException:
        shutil.rmtree(folder)
        raise
    return FileResponse(
        folder / "backup.duckdb",
        media_type=wire.DUCKDB,
        background=BackgroundTask(shutil.rmtree, folder),
    )


def _write(request: Request, body: bytes) -> None:
    batches = wire.decode_rows(body)
    refuse_tables(request.state.role, (table.name for table, _ in batches))
    _store(request).write_rows(batches)


def _store(request: Request) -> OwnedStore:
    store: OwnedStore = request.app.state.store
    return store


async def _refused(request: Request, error: Exception) -> JSONResponse:
    kind = next(kind for kind in (*STATUSES, LatbaseError) if isinstance(error, kind))
    status = STATUSES.get(kind, 500)
    if status == STATUSES[StoreAccessError] and "authorization" not in request.headers:
        status = 401
    return _failure(status, type(error).__name__, str(error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _failure(422, "InvalidInputError", f"{where}: {first['msg']}. See /openapi.json.")


async def _unserved(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _failure(error.status_code, "InvalidInputError", str(error.detail))


def _failure(status: int, name: str, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": name, "message": message}, status_code=status, headers=HEADERS.get(status)
    )

"""What the dashboard asks of the service: its files, and JSON for readers and operators."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from latbase.cli.page.launching import Launch, Launcher, Wanted
from latbase.db import overview, queries
from latbase.db.service.gate import Credentials, needs, role_of
from latbase.db.store import OwnedStore
from latbase.db.tokens import Role
from latbase.errors import StoreAccessError, UnknownNameError

Answer = dict[str, object]

STATIC = Path(__file__).with_name("static")

FILES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "service.js": "text/javascript; charset=utf-8",
    "views.js": "text/javascript; charset=utf-8",
}
"""Every file of the page and its type; nothing else is handed out."""

PLOTLY = "plotly.min.js"
"""The library of the charts, out of the installed Python package of the same name."""

MOST_COMPARED = 12
"""Searches whose fronts are judged against each other at once."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-eval'; "
    "connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""The page runs its own files only and talks to its own service only.

Charts style themselves, and plotly.js compiles its WebGL drawing with ``new Function``.
"""


class SearchRequest(BaseModel):
    """A search to launch."""

    model_config = ConfigDict(extra="forbid")

    supernet: str = Field(pattern=r"^\w[\w.-]*$", max_length=200)  # by name: no file of the host
    configuration_id: str = Field(pattern="^[0-9a-f]{4,64}$")
    objectives: list[Annotated[str, Field(max_length=80)]] = Field(min_length=1, max_length=6)
    evaluations: int = Field(ge=1, le=100_000)
    tactic: str = Field(pattern=r"^[A-Za-z_]\w*$", max_length=40)
    seed: int = Field(ge=0, le=2**31)


def with_token(credentials: Credentials) -> None:
    """Refuse to start processes for whoever shows no token, also where reading needs none.

    A web site that a browser on this machine visits can reach a service on loopback; it has no
    token.
    """
    if credentials is None:
        raise StoreAccessError("Launching and stopping searches needs an operator's token.")


READER = Depends(needs(Role.READER))
OPERATOR = [Depends(with_token), Depends(needs(Role.OPERATOR))]


def dashboard(launcher: Launcher) -> APIRouter:
    """Return the routes of the dashboard, which starts searches with ``launcher``."""
    router = APIRouter()
    router.include_router(_files)
    router.include_router(_reading)
    router.include_router(_operating(launcher))
    return router


_files = APIRouter(prefix="/ui", include_in_schema=False)
_reading = APIRouter(prefix="/v1/page", dependencies=[READER])


@_files.get("")
def front_door() -> RedirectResponse:
    """Lead to the page."""
    return RedirectResponse("/ui/", headers=HEADERS)


@_files.get("/")
def index() -> FileResponse:
    """Give the page itself."""
    return static("index.html")


@_files.get("/{name}")
def static(name: str) -> FileResponse:
    """Give one file of the page."""
    if name == PLOTLY:
        package = find_spec("plotly")
        assert package is not None
        assert package.origin is not None
        path, kind = Path(package.origin).parent / "package_data" / PLOTLY, FILES["page.js"]
    elif name in FILES:
        path, kind = STATIC / name, FILES[name]
    else:
        raise UnknownNameError(f"The page has no file {name!r}.")
    return FileResponse(path, media_type=kind, headers=HEADERS)


@_reading.get("/role")
def role(request: Request, credentials: Credentials) -> Answer:
    """Say what the caller may do, and what can be searched with; for readers."""
    from latbase.searcher import tactic_names

    found = role_of(request, credentials)
    may_launch = credentials is not None and found.allows(Role.OPERATOR)
    return {"role": found.value, "may_launch": may_launch, "tactics": tactic_names()}


@_reading.get("/fleet")
def fleet(request: Request) -> Answer:
    """Tell hosts, configurations and queues; for readers."""
    store = _store(request)
    return {
        "hosts": overview.hosts(store).to_pylist(),
        "configurations": queries.configurations(store).to_pylist(),
        "jobs": overview.jobs(store).to_pylist(),
    }


@_reading.get("/coverage")
def coverage(request: Request) -> Answer:
    """Tell what is measured where, and how well it is predicted; for readers."""
    return {"coverage": overview.coverage(_store(request)).to_pylist()}


@_reading.get("/latency")
def latency(
    request: Request,
    supernet_id: Annotated[str, Query(max_length=64)],
    x: Annotated[str, Query(max_length=64)],
    y: Annotated[str, Query(max_length=64)],
) -> Answer:
    """Give the latencies of sub-networks on two configurations, as columns; for readers."""
    columns: Answer = overview.latencies(_store(request), supernet_id, x, y).to_pydict()
    return columns


@_reading.get("/searches")
def searches(request: Request) -> Answer:
    """List the searches; for readers."""
    return {"searches": queries.searches(_store(request)).to_pylist()}


@_reading.get("/searches/{search_id}")
def search(request: Request, search_id: str) -> Answer:
    """Give a search with everything evaluated so far, as columns; for readers."""
    # A daemon serves the page too, and stays small until someone looks at a search.
    from latbase.searcher import results

    found = results.load(_store(request), search_id)
    return {
        "search_id": found.record.search_id,
        "supernet": found.supernet,
        "configuration_id": found.record.configuration_id,
        "tactic": found.record.tactic,
        "seed": found.record.seed,
        "status": found.record.status,
        "evaluations": found.record.options.get("evaluations"),
        "axes": found.axes,
        "maximize": [objective.maximize for objective in found.objectives],
        "subnet_ids": found.subnet_ids,
        "values": [_known(column) for column in found.values.T.tolist()],
        "on_front": found.on_front().tolist(),
        "remarks": found.remarks(),
    }


@_reading.get("/exchange")
def exchange(
    request: Request,
    search: Annotated[list[str], Query(min_length=2, max_length=MOST_COMPARED)],
) -> Answer:
    """Tell what it costs to use each search's front for each other's machine; for readers."""
    from latbase.searcher import results
    from latbase.searcher.analytics import exchange as analytics

    store = _store(request)
    costs = analytics.exchange(store, [results.load(store, search_id) for search_id in search])
    return {"costs": costs}


@_reading.get("/subnets/{subnet_id}")
def subnet(request: Request, subnet_id: str) -> Answer:
    """Give one sub-network with its latency on every configuration; for readers."""
    return overview.subnet(_store(request), subnet_id)


def _operating(launcher: Launcher) -> APIRouter:
    router = APIRouter(prefix="/v1/page/launches")

    @router.get("", dependencies=[READER])
    def launches() -> list[Answer]:
        """List the searches this service started; for readers."""
        return [_told(launch) for launch in launcher.all()]

    @router.post("", dependencies=OPERATOR)
    def launch(body: SearchRequest) -> Answer:
        """Start a search on the service's own host; for operators."""
        facts = body.model_dump() | {"objectives": tuple(body.objectives)}
        return _told(launcher.start(Wanted(**facts)))

    @router.post("/{number}/stop", dependencies=OPERATOR)
    def stop(request: Request, number: int) -> Answer:
        """End a search that this service started; for operators."""
        return _told(launcher.stop(_store(request), number))

    return router


def _told(launch: Launch) -> Answer:
    wanted = launch.wanted
    return {
        "number": launch.number,
        "supernet": wanted.supernet,
        "configuration_id": wanted.configuration_id,
        "evaluations": wanted.evaluations,
        "began_at": launch.began_at,
        "exit_code": launch.exit_code,
        "output": launch.tail(),
    }


def _known(column: list[float]) -> list[float | None]:
    """JSON has no NaN."""
    return [None if math.isnan(value) else value for value in column]


def _store(request: Request) -> OwnedStore:
    store: OwnedStore = request.app.state.store
    return store

"""What Prometheus reads: requests, and what the store holds."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latbase.db.store import Store

UNKNOWN = "unknown"
"""Label of requests to no route or by no known method: those are the client's choice, and each
would count for itself for ever."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Contents(Collector):
    """Counts of the store, read when Prometheus asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        jobs = GaugeMetricFamily("latbase_jobs", "Jobs by status.", labels=["status"])
        for row in self._rows("SELECT status, count(*) AS n FROM job GROUP BY status"):
            jobs.add_metric([str(row["status"])], float(str(row["n"])))
        yield jobs
        measurements = GaugeMetricFamily(
            "latbase_measurements", "Measurements by verdict.", labels=["verdict"]
        )
        sums = "coalesce(sum(stable), 0) AS stable, coalesce(sum(unstable), 0) AS unstable, "
        for row in self._rows(f"SELECT {sums} coalesce(sum(disturbed), 0) AS disturbed FROM tally"):
            for verdict, number in row.items():
                measurements.add_metric([verdict], float(str(number)))
        yield measurements
        hosts = GaugeMetricFamily("latbase_hosts", "Hosts known to the store.")
        for row in self._rows("SELECT count(*) AS n FROM host"):
            hosts.add_metric([], float(str(row["n"])))
        yield hosts

    def _rows(self, sql: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = self._store.query(sql).to_pylist()
        return rows


class Measured:
    """Counts and times every request by its route."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ["method", "route"]
        self._requests = Counter(
            "latbase_requests", "Requests answered.", [*labels, "status"], registry=registry
        )
        self._seconds = Histogram(
            "latbase_request_seconds", "Time to answer.", labels, registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = time.monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN)
            method = scope["method"] if scope["method"] in METHODS else UNKNOWN
            self._requests.labels(method, route, status).inc()
            self._seconds.labels(method, route).observe(time.monotonic() - began_s)

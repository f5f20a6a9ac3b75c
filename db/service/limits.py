"""What requests may cost the service."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of requests.

    Attributes:
        body_bytes: of what is sent to the service.
        query_s: of a query, and the default where it names none.
        rows: of a result; one that has more is refused unless ``max_rows`` cuts it.
        queries: answered at the same time. Fewer than the server's 40 threads, so that hosts are
            heard however slow the queries are.
        wait_s: how long another query waits for its turn before it is refused.
    """

    body_bytes: int = 64 * 2**20
    query_s: float = 60.0
    rows: int = 10_000_000
    queries: int = 24
    wait_s: float = 10.0


class BodyLimit:
    """Refuses a body that is too long, by its announced length and again while it arrives."""

    def __init__(self, app: ASGIApp, *, body_bytes: int) -> None:
        self._app = app
        self._limit = body_bytes
        self._message = f"A body has at most {body_bytes} bytes; send smaller batches."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            refusal = {"error": "InvalidInputError", "message": self._message}
            await JSONResponse(refusal, status_code=413)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise HTTPException(413, self._message)
            return message

        await self._app(scope, counted, send)

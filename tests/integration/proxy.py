"""A proxy before a service that answers itself when it is told to."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PASSED_ON = ("content-type", "latbase-api", "authorization")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a proxy says in place of the service."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


LOGIN = Answer(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})
ELSEWHERE = Answer(status=302, headers={"Location": "https://login.example/"})


class Proxy:
    """Passes requests on to ``target`` while ``answer`` is None."""

    def __init__(self, target: str | None, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.target = target
        self.answer: Answer | None = None

    def reply(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.answer is not None:
            return self.answer
        passed = {name: text for name, text in headers.items() if name.lower() in PASSED_ON}
        found = httpx.request(method, f"{self.target}{path}", content=body, headers=passed)
        content_type = found.headers.get("Content-Type")
        kept = {"Content-Type": content_type} if content_type else {}
        return Answer(status=found.status_code, body=found.content, headers=kept)


@contextmanager
def proxy(target: str | None = None, answer: Answer | None = None) -> Iterator[Proxy]:
    """Run a proxy before ``target``, or one that only ever gives ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = running.reply(self.command, self.path, dict(self.headers), body)
            self.send_response(told.status)
            for name, text in told.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_GET  # noqa: N815 - the names are the server's

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Proxy(target, server.server_port)
        running.answer = answer
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()

"""The store behind a service, over HTTP."""

import io
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import pyarrow as pa
from pydantic import TypeAdapter

from latbase.db import copying, rows, wire
from latbase.db.jobs import LEASE_S, Job, JobRequest, JobStatus
from latbase.db.records import Record
from latbase.db.store import Parameters
from latbase.db.tokens import NewToken, Role, Token
from latbase.errors import (
    StoreAccessError,
    StoreError,
    StoreUnreachableError,
    StoreVersionError,
)

CONNECT_S = 5.0
"""How long a service may take to accept a connection."""
ANSWER_S = 120.0
"""How long it may be silent in an answer; beyond the time a query was given."""

UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""What OpenSSL says of a certificate that nobody vouches for, or that names another host."""


class HttpStore:
    """A :class:`~latbase.db.store.Store` behind a service.

    Args:
        url: ``http(s)://host:port``.
        bearer: token, where the service asks for one.
        verify: whom to trust; True for the system's certificate authorities.
        read_only: refuse to write.

    Raises:
        StoreUnreachableError: nothing answers there.
        StoreAccessError: its certificate is not trusted.
        StoreVersionError: the service speaks another version of the API.
    """

    def __init__(
        self,
        url: str,
        *,
        bearer: str | None = None,
        verify: ssl.SSLContext | bool = True,
        read_only: bool = False,
    ) -> None:
        headers = {wire.API_HEADER: str(wire.API_VERSION)}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        self.description = url.rstrip("/")
        self._read_only = read_only
        self._client = httpx.Client(
            base_url=self.description,
            headers=headers,
            verify=verify,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            transport=httpx.HTTPTransport(verify=verify, retries=1),
        )
        self.jobs = HttpJobs(self)
        self.tokens = HttpTokens(self)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        max_rows: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """See :meth:`Store.query`."""
        body = {
            "sql": sql,
            "parameters": wire.plain_parameters(parameters),
            "max_rows": max_rows,
            "timeout_s": timeout_s,
        }
        timeout = httpx.Timeout((timeout_s or 0) + ANSWER_S, connect=CONNECT_S)
        with (
            self._translated(),
            self._client.stream("POST", "/v1/query", json=body, timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
                raise _refusal(response)
            return _table(io.BufferedReader(_Body(response.iter_bytes())))

    def write(self, records: Sequence[Record]) -> None:
        """See :meth:`Store.write`."""
        self.write_rows(list(rows.batches(records)))

    def write_rows(self, batches: Sequence[tuple[rows.Table, pa.Table]]) -> None:
        """See :meth:`Store.write_rows`."""
        if self._read_only:
            raise StoreError(f"{self.description} was opened for reading only; open it to write.")
        self.send(
            "POST",
            "/v1/records",
            content=wire.encode_rows(batches),
            headers={"Content-Type": wire.ARROW},
        )

    def backup(self, target: Path) -> None:
        """See :meth:`Store.backup`."""
        with (
            copying.written_whole(target) as draft,
            self._translated(),
            self._client.stream("GET", "/v1/backup") as response,
        ):
            if response.is_error:
                response.read()
                raise _refusal(response)
            with draft.open("xb") as file:
                file.writelines(response.iter_bytes())

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send one request; returns the body of the answer.

        Raises:
            LatbaseError: the one the service reported.
            StoreUnreachableError: it does not answer.
        """
        with self._translated():
            response = self._client.request(
                method, path, json=json, content=content, headers=headers
            )
        if response.is_error:
            raise _refusal(response)
        return response.content

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _greet(self) -> None:
        health = TypeAdapter(dict[str, object]).validate_json(self.send("GET", "/health"))
        if health.get("api") != wire.API_VERSION:
            raise StoreVersionError(
                f"The service at {self.description} is latbase {health.get('version')} and speaks "
                f"version {health.get('api')} of the API; this client speaks version "
                f"{wire.API_VERSION}. Upgrade the older of the two."
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            if UNTRUSTED in reason:
                raise StoreAccessError(
                    f"The certificate of {self.description} is not trusted ({reason}); name it, "
                    "or that of its authority, with LATBASE_CERTIFICATE."
                ) from error
            raise StoreUnreachableError(
                f"The service at {self.description} does not answer ({reason}); check that it runs "
                "and that the address is right."
            ) from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            raise StoreError(f"{self.description} is closed; connect to it again.") from error


class HttpJobs:
    """A :class:`~latbase.db.jobs.JobQueue` behind a service."""

    def __init__(self, store: HttpStore) -> None:
        self._store = store

    def enqueue(self, requests: Sequence[JobRequest]) -> int:
        """See :meth:`JobQueue.enqueue`."""
        answer = self._post("/v1/jobs", jobs=[asdict(request) for request in requests])
        return _COUNT.validate_json(answer)["count"]

    def claim(
        self,
        host_id: str,
        configuration_ids: Sequence[str],
        *,
        limit: int = 1,
        lease_s: float = LEASE_S,
    ) -> list[Job]:
        """See :meth:`JobQueue.claim`."""
        answer = self._post(
            "/v1/jobs/claim",
            host_id=host_id,
            configuration_ids=list(configuration_ids),
            limit=limit,
            lease_s=lease_s,
        )
        return _JOBS.validate_json(answer)

    def heartbeat(
        self, host_id: str, job_ids: Sequence[str], *, lease_s: float = LEASE_S
    ) -> list[str]:
        """See :meth:`JobQueue.heartbeat`."""
        answer = self._post(
            "/v1/jobs/heartbeat", host_id=host_id, job_ids=list(job_ids), lease_s=lease_s
        )
        return _HELD.validate_json(answer)["job_ids"]

    def finish(self, host_id: str, job_ids: Sequence[str]) -> None:
        """See :meth:`JobQueue.finish`."""
        self._post("/v1/jobs/finish", host_id=host_id, job_ids=list(job_ids))

    def fail(self, host_id: str, job_id: str, error: str) -> JobStatus:
        """See :meth:`JobQueue.fail`."""
        answer = self._post("/v1/jobs/fail", host_id=host_id, job_id=job_id, error=error)
        return _STANDING.validate_json(answer)["status"]

    def cancel(self, job_ids: Sequence[str]) -> int:
        """See :meth:`JobQueue.cancel`."""
        return _COUNT.validate_json(self._post("/v1/jobs/cancel", job_ids=list(job_ids)))["count"]

    def _post(self, path: str, **body: object) -> bytes:
        return self._store.send("POST", path, json=body)


class HttpTokens:
    """:class:`~latbase.db.tokens.Tokens` behind a service."""

    def __init__(self, store: HttpStore) -> None:
        self._store = store

    def create(self, name: str, role: Role, *, valid_for: timedelta | None = None) -> NewToken:
        """See :meth:`Tokens.create`."""
        seconds = valid_for.total_seconds() if valid_for else None
        body = {"name": name, "role": role.value, "valid_for": seconds}
        return _NEW_TOKEN.validate_json(self._store.send("POST", "/v1/tokens", json=body))

    def all(self) -> list[Token]:
        """See :meth:`Tokens.all`."""
        return _TOKENS.validate_json(self._store.send("GET", "/v1/tokens"))

    def revoke(self, token_id: str) -> Token:
        """See :meth:`Tokens.revoke`."""
        return _TOKEN.validate_json(self._store.send("DELETE", f"/v1/tokens/{token_id}"))


class _Body(io.RawIOBase):
    """The pieces of a response as a file that Arrow reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


def _table(source: io.BufferedReader) -> pa.Table:
    schema, batches = None, []
    for part in wire.decode_stream(source):
        if isinstance(part, pa.Schema):
            schema = part
        elif isinstance(part, Mapping):
            raise wire.named_error(part[b"error"].decode(), part[b"message"].decode())
        else:
            batches.append(part)
    return pa.Table.from_batches(batches, schema=schema)


def _refusal(response: httpx.Response) -> Exception:
    try:
        failure = response.json()
        return wire.named_error(failure["error"], failure["message"])
    except (ValueError, KeyError, TypeError):
        return StoreError(
            f"{response.url} answered {response.status_code} {response.reason_phrase}; is this the "
            "address of a latbase service?"
        )


_COUNT = TypeAdapter(dict[str, int])
_HELD = TypeAdapter(dict[str, list[str]])
_STANDING = TypeAdapter(dict[str, JobStatus])
_JOBS = TypeAdapter(list[Job])
_TOKEN = TypeAdapter(Token)
_TOKENS = TypeAdapter(list[Token])
_NEW_TOKEN = TypeAdapter(NewToken)

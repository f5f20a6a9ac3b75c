"""The store behind a service, over HTTP."""

import io
import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from latbase.db import copying, rows, tokens, wire
from latbase.db.jobs import LEASE_S, Job, JobRequest, JobStatus
from latbase.db.records import Record
from latbase.db.store import Parameters
from latbase.db.tokens import NewToken, Role, Token
from latbase.errors import (
    InvalidInputError,
    LatbaseError,
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

OUT_OF_ORDER = frozenset({502, 503, 504})
"""What a proxy answers while the service behind it is away."""

IDS_TOGETHER, REQUESTS_TOGETHER = 10_000, 100_000
"""How many jobs a service takes in one request: by id, and as new ones."""

T = TypeVar("T")


class HttpStore:
    """A :class:`~latbase.db.store.Store` behind a service.

    Args:
        url: ``http(s)://host:port``.
        bearer: token, where the service asks for one.
        verify: whom to trust; True for the system's certificate authorities.
        read_only: refuse to write.

    Raises:
        InvalidInputError: the token cannot be one.
        StoreUnreachableError: nothing answers there.
        StoreAccessError: its certificate is not trusted.
        StoreVersionError: the service speaks another version of the API.
        StoreError: the address is none, or of something else.
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
            if not re.fullmatch(r"[!-~]+", bearer):
                raise InvalidInputError(
                    "The token is none: expected the one line that latbase token create printed."
                )
            headers["Authorization"] = f"Bearer {bearer}"
        self.description = url.rstrip("/")
        self._read_only = read_only
        self._client = _client(self.description, headers, verify)
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
        silence_s = (timeout_s or 0) + ANSWER_S
        with self._stream("POST", "/v1/query", wire.ARROW, silence_s, body) as pieces:
            return _table(io.BufferedReader(_Body(pieces)))

    def write(self, records: Sequence[Record]) -> None:
        """See :meth:`Store.write`."""
        self.write_rows(list(rows.batches(records)))

    def write_rows(self, batches: Sequence[tuple[rows.Table, pa.Table]]) -> None:
        """See :meth:`Store.write_rows`."""
        if self._read_only:
            raise StoreError(f"{self.description} was opened for reading only; open it to write.")
        if not batches:
            return
        self.send(
            "POST",
            "/v1/records",
            content=wire.encode_rows(batches),
            headers={"Content-Type": wire.ARROW},
            expected=httpx.codes.NO_CONTENT,
        )

    def backup(self, target: Path) -> None:
        """See :meth:`Store.backup`."""
        with (
            copying.written_whole(target) as draft,
            self._stream("GET", "/v1/backup", wire.DUCKDB, ANSWER_S) as pieces,
            draft.open("xb") as file,
        ):
            file.writelines(pieces)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expected: int = httpx.codes.OK,
    ) -> bytes:
        """Send one request; returns the body of the answer.

        Any status but ``expected`` is a refusal: the page of a proxy must not pass for an
        acknowledgement.

        Raises:
            LatbaseError: the one the service reported.
            StoreUnreachableError: it does not answer.
            StoreError: something else answers.
        """
        with self._translated():
            response = self._client.request(
                method, path, json=json, content=content, headers=headers
            )
        if response.status_code != expected:
            raise _refusal(response)
        return response.content

    def ask(self, kind: TypeAdapter[T], method: str, path: str, *, json: object = None) -> T:
        """Send one request; returns the answer as what it describes. Raises as :meth:`send`."""
        answer = self.send(method, path, json=json)
        with self._translated():
            return kind.validate_json(answer)

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
        health = self.ask(_HEALTH, "GET", "/health")
        if health.get("api") != wire.API_VERSION:
            raise StoreVersionError(
                f"The service at {self.description} is latbase {health.get('version')} and speaks "
                f"version {health.get('api')} of the API; this client speaks version "
                f"{wire.API_VERSION}. Upgrade the older of the two."
            )

    @contextmanager
    def _stream(
        self, method: str, path: str, media_type: str, silence_s: float, json: object = None
    ) -> Iterator[Iterator[bytes]]:
        """Send one request; yields the pieces of the answer, which is of that type."""
        timeout = httpx.Timeout(silence_s, connect=CONNECT_S)
        with (
            self._translated(),
            self._client.stream(method, path, json=json, timeout=timeout) as response,
        ):
            found = response.status_code, response.headers.get("Content-Type")
            if found != (httpx.codes.OK, media_type):
                response.read()
                raise _refusal(response)
            yield response.iter_bytes()

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
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"What was to be sent to {self.description} holds what is no text ({error})."
            ) from error
        except (httpx.RequestError, httpx.InvalidURL, ValidationError, pa.ArrowException) as error:
            raise StoreError(
                f"What answers at {self.description} does not speak as a latbase service does; "
                f"check the address, and whether a proxy or a login stands before it: {error}"
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
        """See :meth:`JobQueue.enqueue`; beyond 100,000 jobs, each 100,000 are one transaction."""
        bodies = [asdict(request) for request in requests]
        parts = _parts(bodies, REQUESTS_TOGETHER)
        return sum(self._ask(_COUNT, "/v1/jobs", jobs=part).count for part in parts)

    def claim(
        self,
        host_id: str,
        configuration_ids: Sequence[str],
        *,
        limit: int = 1,
        lease_s: float = LEASE_S,
    ) -> list[Job]:
        """See :meth:`JobQueue.claim`."""
        return self._ask(
            _JOBS,
            "/v1/jobs/claim",
            host_id=host_id,
            configuration_ids=list(configuration_ids),
            limit=limit,
            lease_s=lease_s,
        )

    def heartbeat(
        self, host_id: str, job_ids: Sequence[str], *, lease_s: float = LEASE_S
    ) -> list[str]:
        """See :meth:`JobQueue.heartbeat`."""
        asked = {"host_id": host_id, "job_ids": list(job_ids), "lease_s": lease_s}
        return self._ask(_HELD, "/v1/jobs/heartbeat", **asked).job_ids

    def finish(self, host_id: str, job_ids: Sequence[str]) -> None:
        """See :meth:`JobQueue.finish`."""
        body = {"host_id": host_id, "job_ids": list(job_ids)}
        self._store.send("POST", "/v1/jobs/finish", json=body, expected=httpx.codes.NO_CONTENT)

    def fail(self, host_id: str, job_id: str, error: str) -> JobStatus:
        """See :meth:`JobQueue.fail`."""
        asked = {"host_id": host_id, "job_id": job_id, "error": error}
        return self._ask(_STANDING, "/v1/jobs/fail", **asked).status

    def cancel(self, job_ids: Sequence[str]) -> int:
        """See :meth:`JobQueue.cancel`; beyond 10,000 jobs, each 10,000 are one transaction."""
        parts = _parts(list(job_ids), IDS_TOGETHER)
        return sum(self._ask(_COUNT, "/v1/jobs/cancel", job_ids=part).count for part in parts)

    def _ask(self, kind: TypeAdapter[T], path: str, **body: object) -> T:
        return self._store.ask(kind, "POST", path, json=body)


class HttpTokens:
    """:class:`~latbase.db.tokens.Tokens` behind a service."""

    def __init__(self, store: HttpStore) -> None:
        self._store = store

    def create(self, name: str, role: Role, *, valid_for: timedelta | None = None) -> NewToken:
        """See :meth:`Tokens.create`."""
        seconds = valid_for.total_seconds() if valid_for else None
        body = {"name": name, "role": role.value, "valid_for": seconds}
        return self._store.ask(_NEW_TOKEN, "POST", "/v1/tokens", json=body)

    def all(self) -> list[Token]:
        """See :meth:`Tokens.all`."""
        return self._store.ask(_TOKENS, "GET", "/v1/tokens")

    def revoke(self, token_id: str) -> Token:
        """See :meth:`Tokens.revoke`."""
        if not token_id:  # which would make it another request
            tokens.the_one(token_id, [])
        return self._store.ask(_TOKEN, "DELETE", f"/v1/tokens/{quote(token_id, safe='')}")


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


def _refusal(response: httpx.Response) -> LatbaseError:
    try:
        failure = response.json()
        return wire.named_error(failure["error"], failure["message"])
    except (ValueError, KeyError, TypeError):
        kind = StoreUnreachableError if response.status_code in OUT_OF_ORDER else StoreError
        return kind(
            f"{response.url} answered {response.status_code} {response.reason_phrase}; is this the "
            "address of a latbase service, and does it run?"
        )


def _client(url: str, headers: Mapping[str, str], verify: ssl.SSLContext | bool) -> httpx.Client:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise StoreError(f"{url!r} is no address of a service: {error}.") from error
    if not address.host:
        raise StoreError(f"{url!r} is no address of a service: it names no host.")
    # Whom the environment trusts is asked only about other machines, and where it matters.
    environment = address.scheme == "https" and not _is_here(address.host)
    try:
        transport = httpx.HTTPTransport(verify=verify, retries=1, trust_env=environment)
    except OSError as error:  # ssl.SSLError is one
        raise StoreError(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be used: {error}."
        ) from error
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    return httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    # Nothing is one part, too: who may not ask shall learn it.
    return (items[start : start + size] for start in range(0, len(items) or 1, size))


@dataclass(frozen=True, slots=True)
class _Count:
    count: int


@dataclass(frozen=True, slots=True)
class _Held:
    job_ids: list[str]


@dataclass(frozen=True, slots=True)
class _Standing:
    status: JobStatus


_HEALTH = TypeAdapter(dict[str, object])
_COUNT = TypeAdapter(_Count)
_HELD = TypeAdapter(_Held)
_STANDING = TypeAdapter(_Standing)
_JOBS = TypeAdapter(list[Job])
_TOKEN = TypeAdapter(Token)
_TOKENS = TypeAdapter(list[Token])
_NEW_TOKEN = TypeAdapter(NewToken)

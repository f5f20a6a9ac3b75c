"""Bodies of requests and answers, as OpenAPI describes them."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from latbase.db.jobs import LEASE_S, MAX_ATTEMPTS, MAX_LEASE_S, SEARCH_PRIORITY, JobStatus
from latbase.db.tokens import Role, Token

Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]+$")]
Ids = Annotated[list[Text], Field(max_length=10_000)]
JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
JobIds = Annotated[list[JobId], Field(max_length=10_000)]
LeaseS = Annotated[float, Field(gt=0, le=MAX_LEASE_S)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(_Body):
    """That a service answers, and which."""

    status: str = "ok"
    version: str
    api: int
    instance: str = Field(description="random, new at every start")


class Query(_Body):
    """One statement that only reads."""

    sql: Annotated[str, Field(max_length=1_000_000)]
    parameters: list[JsonValue] | dict[str, JsonValue] | None = None
    max_rows: Annotated[int, Field(ge=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] | None = None


class NewJob(_Body):
    """A job to queue; the same ``job_id`` again is the same job."""

    job_id: JobId
    subnet_id: Text
    configuration_id: Text
    search_id: Text | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] = SEARCH_PRIORITY
    max_attempts: Annotated[int, Field(ge=1, le=100)] = MAX_ATTEMPTS


class Enqueue(_Body):
    """Jobs to queue."""

    jobs: Annotated[list[NewJob], Field(max_length=100_000)]


class Claim(_Body):
    """A host asks for work."""

    host_id: Text
    configuration_ids: Ids
    limit: Annotated[int, Field(ge=1, le=1000)] = 1
    lease_s: LeaseS = LEASE_S


class Heartbeat(_Body):
    """A host still works on jobs."""

    host_id: Text
    job_ids: JobIds
    lease_s: LeaseS = LEASE_S


class Finish(_Body):
    """A host has delivered."""

    host_id: Text
    job_ids: JobIds


class Fail(_Body):
    """A host could not measure."""

    host_id: Text
    job_id: JobId
    error: Text


class Cancel(_Body):
    """Jobs to call off."""

    job_ids: JobIds


class Count(_Body):
    """How many were touched."""

    count: int


class Held(_Body):
    """Jobs whose lease was renewed."""

    job_ids: list[str]


class Standing(_Body):
    """Where a job stands now."""

    status: JobStatus


class CreateToken(_Body):
    """A token to make."""

    name: Text
    role: Role
    valid_for: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=36_500))] | None = None


class CreatedToken(_Body):
    """A token just made; the bearer is never shown again."""

    token: Token
    bearer: str


class Failure(_Body):
    """Why a request was refused: the error's class in latbase.errors, and its message."""

    error: str
    message: str

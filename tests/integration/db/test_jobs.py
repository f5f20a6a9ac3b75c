"""What every job queue promises; times come from a clock the test holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from latbase.db import connect
from latbase.db.client import IDS_TOGETHER, REQUESTS_TOGETHER
from latbase.db.clock import Clock, steady_clock
from latbase.db.duckdb_jobs import DuckDbJobs
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.jobs import MAX_LEASE_S, Job, JobRequest, JobStatus, OwnedQueue, new_id
from latbase.db.postgres_jobs import PostgresJobs
from latbase.db.postgres_store import PostgresStore
from latbase.db.service.running import Service
from latbase.db.store import OwnedStore
from latbase.errors import InvalidInputError, UnknownNameError
from tests.integration.db.samples import NOON, World

WORLD = World()
HERE = [WORLD.configuration.configuration_id]


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture(params=["duckdb", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[OwnedStore]:
    if request.param == "postgres":
        kept: PostgresStore = request.getfixturevalue("postgres_store")
        kept.write([*WORLD.base(20), WORLD.search()])
        yield kept
        return
    with DuckDbStore(None) as opened:
        opened.write([*WORLD.base(20), WORLD.search()])
        yield opened


def queue_of(store: OwnedStore, clock: Clock) -> OwnedQueue:
    if isinstance(store, PostgresStore):
        return PostgresJobs(store._database, clock)
    assert isinstance(store, DuckDbStore)
    return DuckDbJobs(store, clock)


@pytest.fixture
def queue(store: OwnedStore, clock: Hand) -> OwnedQueue:
    return queue_of(store, clock)


def request(number: int, **how: object) -> JobRequest:
    fields: dict[str, object] = {
        "job_id": new_id(),
        "subnet_id": WORLD.subnet(number).subnet_id,
        "configuration_id": HERE[0],
    }
    make: type = JobRequest
    made: JobRequest = make(**fields | how)
    return made


def job(store: OwnedStore, job_id: str) -> dict[str, object]:
    found: dict[str, object] = store.query("FROM job WHERE job_id = ?::UUID", [job_id]).to_pylist()[
        0
    ]
    return found


def ids(jobs: list[Job]) -> list[str]:
    return [one.job_id for one in jobs]


def test_queueing_twice_is_one_job(queue: OwnedQueue) -> None:
    one = request(0)
    assert queue.enqueue([one, one]) == 1
    assert queue.enqueue([one, request(1)]) == 1
    assert len(queue.claim("a", HERE, limit=10)) == 2


def test_a_job_for_nothing_known_is_refused(queue: OwnedQueue) -> None:
    with pytest.raises(InvalidInputError, match="subnet nowhere"):
        queue.enqueue([request(0), request(1, subnet_id="nowhere")])
    with pytest.raises(InvalidInputError, match="search nowhere"):
        queue.enqueue([request(0, search_id="nowhere")])
    assert queue.claim("a", HERE, limit=10) == []


def test_a_claim_is_nobody_elses(queue: OwnedQueue) -> None:
    queue.enqueue([request(number) for number in range(5)])
    first, second = queue.claim("a", HERE, limit=3), queue.claim("b", HERE, limit=3)
    assert (len(first), len(second)) == (3, 2)
    assert not set(ids(first)) & set(ids(second))
    assert {one.status for one in first} == {JobStatus.CLAIMED}


def test_hosts_only_get_jobs_of_their_configurations(queue: OwnedQueue) -> None:
    queue.enqueue([request(0)])
    assert queue.claim("a", ["another"]) == []
    assert queue.claim("a", []) == []


def test_an_expired_lease_goes_back_and_a_heartbeat_keeps_it(
    queue: OwnedQueue, clock: Hand
) -> None:
    queue.enqueue([request(0), request(1)])
    kept, lost = ids(queue.claim("a", HERE, limit=2, lease_s=60))
    clock.advance(50)
    assert queue.heartbeat("a", [kept], lease_s=60) == [kept]
    clock.advance(20)
    assert ids(queue.claim("b", HERE, limit=2, lease_s=60)) == [lost]
    assert queue.heartbeat("a", [kept, lost], lease_s=60) == [kept]


def test_a_job_that_keeps_killing_its_host_ends_failed(
    store: OwnedStore, queue: OwnedQueue, clock: Hand
) -> None:
    one = request(0, max_attempts=2)
    queue.enqueue([one])
    for _ in range(2):
        assert ids(queue.claim("a", HERE, lease_s=60)) == [one.job_id]
        clock.advance(61)
    assert queue.claim("b", HERE) == []
    ended = job(store, one.job_id)
    assert ended["status"] == "failed"
    assert "host a did not report back" in str(ended["error"])


def test_failures_are_retried_to_the_limit(store: OwnedStore, queue: OwnedQueue) -> None:
    one = request(0, max_attempts=2)
    queue.enqueue([one])
    queue.claim("a", HERE)
    assert queue.fail("a", one.job_id, "out of memory") is JobStatus.QUEUED
    queue.claim("a", HERE)
    assert queue.fail("a", one.job_id, "out of memory again") is JobStatus.FAILED
    assert job(store, one.job_id)["error"] == "out of memory again"
    with pytest.raises(UnknownNameError, match="no job"):
        queue.fail("a", new_id(), "what?")


def test_a_late_finish_counts_and_a_second_one_changes_nothing(
    store: OwnedStore, queue: OwnedQueue, clock: Hand
) -> None:
    one = request(0)
    queue.enqueue([one])
    queue.claim("slow", HERE, lease_s=60)
    clock.advance(61)
    queue.claim("fast", HERE, lease_s=60)
    queue.finish("slow", [one.job_id])
    queue.finish("fast", [one.job_id])
    assert job(store, one.job_id)["host_id"] == "slow"
    assert queue.fail("fast", one.job_id, "too late") is JobStatus.FINISHED
    assert queue.claim("fast", HERE) == []


def test_cancelled_jobs_are_neither_claimed_nor_kept(queue: OwnedQueue) -> None:
    queue.enqueue([request(0), request(1), request(2)])
    held, done = ids(queue.claim("a", HERE, limit=2))
    queue.finish("a", [done])
    waiting = [request(3)]
    queue.enqueue(waiting)
    assert queue.cancel([held, done, waiting[0].job_id]) == 2
    assert queue.heartbeat("a", [held]) == []
    assert len(queue.claim("a", HERE, limit=10)) == 1


def test_higher_priority_goes_first(queue: OwnedQueue) -> None:
    queue.enqueue([request(0, priority=-10), request(1, priority=5), request(2)])
    assert [one.priority for one in queue.claim("a", HERE, limit=3)] != []
    queue.enqueue([request(3, priority=-10), request(4, priority=5)])
    assert [one.priority for one in queue.claim("a", HERE)] == [5]


def test_searches_take_turns(queue: OwnedQueue) -> None:
    """A search that queued a thousand jobs first does not make a small one wait for them."""
    big = WORLD.search().search_id
    queue.enqueue([request(number, search_id=big) for number in range(15)])
    queue.enqueue([request(number) for number in range(15, 18)])
    claimed = [one for _ in range(6) for one in queue.claim("a", HERE)]
    assert sum(one.search_id == big for one in claimed) == 3


def test_a_lease_has_bounds(queue: OwnedQueue) -> None:
    for seconds in (0.0, -1.0, MAX_LEASE_S + 1):
        with pytest.raises(InvalidInputError, match="A lease lasts up to"):
            queue.claim("a", HERE, lease_s=seconds)


def test_a_wall_clock_set_back_moves_no_lease(store: OwnedStore) -> None:
    wall, ticks = [NOON.timestamp()], [100.0]
    queue = queue_of(store, steady_clock(lambda: wall[0], lambda: ticks[0]))
    queue.enqueue([request(0)])
    queue.claim("a", HERE, lease_s=60)
    wall[0] -= 3600
    ticks[0] += 30
    assert queue.claim("b", HERE) == []
    wall[0] += 7200
    assert queue.claim("b", HERE) == []
    ticks[0] += 31
    assert len(queue.claim("b", HERE)) == 1


def test_a_restart_with_the_clock_set_back_keeps_no_job_out_of_reach(
    queue: OwnedQueue, clock: Hand
) -> None:
    queue.enqueue([request(0)])
    queue.claim("gone", HERE, lease_s=60)
    clock.advance(-100 * 3600)
    queue.shorten_leases()
    clock.advance(MAX_LEASE_S - 1)
    assert queue.claim("b", HERE) == []
    clock.advance(2)
    assert len(queue.claim("b", HERE)) == 1


def test_times_are_the_clocks(queue: OwnedQueue) -> None:
    queue.enqueue([request(0)])
    (one,) = queue.claim("a", HERE, lease_s=60)
    assert one.created_at == NOON
    assert one.leased_until == NOON + timedelta(seconds=60)
    assert one.created_at.tzinfo is UTC


@pytest.mark.slow
def test_more_jobs_than_one_request_holds(service: Service) -> None:
    with connect(service.url) as client:
        client.write(WORLD.base(1))
        asked = [request(0) for _ in range(REQUESTS_TOGETHER + 1)]
        assert client.jobs.enqueue(asked) == len(asked)
        ids = [one.job_id for one in asked[: IDS_TOGETHER + 1]]
        assert client.jobs.cancel(ids) == len(ids)
        counts = client.query("SELECT status, count(*) AS n FROM job GROUP BY status ORDER BY n")
        assert counts["n"].to_pylist() == [len(ids), len(asked) - len(ids)]

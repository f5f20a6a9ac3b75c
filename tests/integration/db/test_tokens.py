"""Tokens of every store: when they end, and which one is meant."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from latbase.db import connect
from latbase.db.clock import Clock, steady_clock
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.duckdb_tokens import DuckDbTokens
from latbase.db.postgres_store import PostgresStore
from latbase.db.postgres_tokens import PostgresTokens
from latbase.db.service.running import Service
from latbase.db.store import OwnedStore
from latbase.db.tokens import OwnedTokens, Role
from latbase.errors import UnknownNameError


@pytest.fixture(params=["duckdb", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[OwnedStore]:
    if request.param == "postgres":
        yield request.getfixturevalue("postgres_store")
        return
    with DuckDbStore(None) as opened:
        yield opened


def tokens_of(store: OwnedStore, clock: Clock) -> OwnedTokens:
    if isinstance(store, PostgresStore):
        return PostgresTokens(store._database, clock)
    assert isinstance(store, DuckDbStore)
    return DuckDbTokens(store, clock)


def test_a_token_ends_in_time_though_the_machine_slept(store: OwnedStore) -> None:
    asleep = steady_clock(time.time, lambda: 0.0)
    tokens = tokens_of(store, asleep)
    hour = timedelta(hours=1)
    before = tokens.create("before", Role.OPERATOR, valid_for=hour)
    assert tokens.role_of(before.bearer) is Role.OPERATOR
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=8)):
        assert tokens.role_of(before.bearer) is None
        after = tokens.create("after", Role.OPERATOR, valid_for=hour)
        assert tokens.role_of(after.bearer) is Role.OPERATOR


def test_a_clock_set_back_revives_no_token(store: OwnedStore) -> None:
    ticks = [0.0]
    tokens = tokens_of(store, steady_clock(time.time, lambda: ticks[0]))
    made = tokens.create("made", Role.HOST, valid_for=timedelta(hours=1))
    ticks[0] += 2 * 3600
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=8)):
        assert tokens.role_of(made.bearer) is None


def test_nothing_names_no_token_though_there_is_only_one(store: OwnedStore) -> None:
    only = store.tokens.create("only", Role.OPERATOR)
    with Service(store) as service, connect(service.url, token=only.bearer) as client:
        for tokens in (store.tokens, client.tokens):
            with pytest.raises(UnknownNameError, match="must start with ''"):
                tokens.revoke("")
    assert store.tokens.role_of(only.bearer) is Role.OPERATOR

"""The standing policy on a real store; measurements are made up, so that errors are known."""

import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latbase import db, supernets
from latbase.db import Store
from latbase.db.jobs import POLICY_PRIORITY
from latbase.db.records import Configuration
from latbase.searcher import policy
from latbase.supernets import Supernet
from tests.integration.db.samples import World

NETWORK = "ofa_mbv3_d234_e346_k357_w1.0"
WORLD = World()
CONFIGURATION = WORLD.configuration
HARDWARE_ID = WORLD.hardware.hardware_id


@pytest.fixture(scope="module")
def network() -> Supernet:
    return supernets.load(NETWORK)


@pytest.fixture
def store() -> Iterator[Store]:
    with db.connect(":memory:") as store:
        other_size = Configuration.of(hardware_id=HARDWARE_ID, input_size=999)
        store.write([*WORLD.base(0), other_size])
        yield store


def measure(store: Store, *, noise: float) -> int:
    """Claim what was queued and finish it; latency is the number of active blocks and noise."""
    jobs = store.jobs.claim("host-1", [CONFIGURATION.configuration_id], limit=10_000)
    genotypes = store.query("SELECT subnet_id, genotype FROM subnet").to_pylist()
    sizes = {row["subnet_id"]: sum(row["genotype"]) for row in genotypes}
    rows = [
        dataclasses.replace(
            WORLD.measurement(value=10 + sizes[job.subnet_id] * (1 + noise * (number % 2))),
            measurement_id=str(uuid.uuid4()),
            subnet_id=job.subnet_id,
        )
        for number, job in enumerate(jobs)
    ]
    store.write(rows)
    store.jobs.finish("host-1", [job.job_id for job in jobs])
    return len(jobs)


def topped_up(store: Store, network: Supernet, goal: float) -> policy.TopUp:
    (done,) = policy.top_up(store, network, HARDWARE_ID, goal)
    return done


def test_a_profile_grows_until_it_is_good_enough(store: Store, network: Supernet):
    first = topped_up(store, network, 1e-9)
    assert (first.measured, first.mape_percent, first.queued) == (0, None, policy.FIRST)
    assert first.configuration_id == CONFIGURATION.configuration_id
    assert topped_up(store, network, 1e-9).queued == 0  # it waits for what it queued
    assert measure(store, noise=0.5) == policy.FIRST
    second = topped_up(store, network, 1e-9)
    assert second.mape_percent is not None
    assert second.mape_percent > 1
    assert second.queued == 8  # a quarter of 30
    measure(store, noise=0.5)
    third = topped_up(store, network, 1000.0)
    assert (third.measured, third.queued) == (policy.FIRST + 8, 0)
    priorities = store.query("SELECT DISTINCT priority FROM job")["priority"].to_pylist()
    assert priorities == [POLICY_PRIORITY]


def test_nothing_is_asked_for_twice(store: Store, network: Supernet):
    topped_up(store, network, 5.0)
    jobs = store.jobs.claim("host-1", [CONFIGURATION.configuration_id], limit=10_000)
    store.jobs.cancel([job.job_id for job in jobs])
    again = topped_up(store, network, 5.0)
    assert again.queued == policy.FIRST
    found = store.query("SELECT count(DISTINCT subnet_id) AS subnets, count(*) AS jobs FROM job")
    assert found.to_pylist() == [{"subnets": 2 * policy.FIRST, "jobs": 2 * policy.FIRST}]


def test_a_small_space_is_measured_whole_and_left_alone(store: Store):
    network = supernets.load(NETWORK)
    names = [parameter.name for parameter in network.space.parameters]
    least = {p.name: [p.values[0]] for p in network.space.parameters if p.name != names[0]}
    network.space = network.space.restrict(least)
    assert topped_up(store, network, 5.0).queued == network.space.size
    measure(store, noise=0.5)
    assert topped_up(store, network, 5.0).queued == 0


@given(
    measured=st.integers(0, 20_000),
    mape=st.floats(0, 1e6),
    goal=st.floats(0.01, 1e3),
)
def test_a_judged_profile_grows_only_while_it_is_too_bad_and_small(
    measured: int, mape: float, goal: float
):
    more = policy.shortage(measured, mape, goal)
    assert 0 <= more <= max(0, policy.MOST - measured)
    assert (more > 0) == (mape > goal and 0 < measured < policy.MOST)

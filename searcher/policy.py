"""The standing policy: keep profiles good enough to predict from, by queueing what is missing."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latbase.db.jobs import POLICY_PRIORITY, JobRequest, new_id
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import Configuration, Subnet
from latbase.searcher import catalogue

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet

KIND = "ridge"
"""The predictor that is judged: fitted in milliseconds, so it may be asked after every top-up."""

FIRST = 2 * catalogue.LEAST_ROWS
"""Sub-networks of a new profile: enough for a first error that means something."""

GROWTH = 0.25
"""By how much a profile grows before its predictor is judged again."""

MOST = 5000
"""Sub-networks after which a profile is left alone: what the error keeps then is noise."""

SEED = 0
"""Of the sample that profiles are taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """What a policy found on one configuration, and did.

    Attributes:
        measured: sub-networks that predictors can learn from.
        mape_percent: held-out error; None where too little is measured to tell.
        queued: jobs queued now.
    """

    configuration_id: str
    measured: int
    mape_percent: float | None
    queued: int


def shortage(measured: int, mape_percent: float | None, goal_percent: float) -> int:
    """Return how many more sub-networks a profile needs before it is judged again."""
    if mape_percent is None:
        return FIRST - measured
    if mape_percent <= goal_percent or measured >= MOST:
        return 0
    return min(math.ceil(GROWTH * measured), MOST - measured)


def top_up(
    store: "Store", network: "Supernet", hardware_id: str, error_percent: float
) -> list[TopUp]:
    """Queue what the profiles of ``network`` on this hardware lack, below every search.

    A configuration whose earlier top-up is still being measured waits for it. What failed there
    before is not asked for again.

    Args:
        store: knows the configurations: those of the supernet's input size count.
        network: the supernet.
        hardware_id: of the hosts that shall measure.
        error_percent: goal of every profile.
    """
    found = store.query(
        "SELECT * FROM configuration WHERE hardware_id = ? AND input_size = ? "
        "ORDER BY configuration_id",
        [hardware_id, network.default_input_size],
    )
    configurations = [Configuration(**row) for row in found.to_pylist()]
    return [_topped_up(store, network, each, error_percent) for each in configurations]


def _topped_up(
    store: "Store", network: "Supernet", configuration: Configuration, goal_percent: float
) -> TopUp:
    data = catalogue.training_data(store, network, configuration.configuration_id)
    measured, mape = len(data.values), None
    if measured >= catalogue.LEAST_ROWS:
        mape = catalogue.assess(store, data, KIND).mape_percent
    missing = 0 if _busy(store, data) else shortage(measured, mape, goal_percent)
    fresh = _fresh(store, network, configuration, missing) if missing > 0 else []
    if fresh:
        store.write([supernet_of(network), *fresh])
        store.jobs.enqueue([_request(subnet, configuration) for subnet in fresh])
    return TopUp(
        configuration_id=configuration.configuration_id,
        measured=measured,
        mape_percent=mape,
        queued=len(fresh),
    )


def _busy(store: "Store", data: catalogue.TrainingData) -> bool:
    found = store.query(
        "SELECT count(*) AS jobs FROM job JOIN subnet USING (subnet_id) "
        "WHERE status IN ('queued', 'claimed') AND priority = ? AND configuration_id = ? "
        "AND supernet_id = ?",
        [POLICY_PRIORITY, data.configuration_id, data.supernet_id],
    )
    return bool(found["jobs"][0].as_py())


def _fresh(
    store: "Store", network: "Supernet", configuration: Configuration, count: int
) -> list[Subnet]:
    """Return up to ``count`` sub-networks that were neither measured nor asked for there."""
    supernet_id, where = supernet_of(network).supernet_id, configuration.configuration_id
    found = store.query(
        "SELECT subnet_id FROM measurement SEMI JOIN subnet "
        "ON measurement.subnet_id = subnet.subnet_id AND supernet_id = $supernet "
        "WHERE configuration_id = $configuration "
        "UNION SELECT subnet_id FROM job WHERE configuration_id = $configuration",
        {"supernet": supernet_id, "configuration": where},
    )
    known = set(found["subnet_id"].to_pylist())
    # Of so many at most all the known ones are known, so enough of them are new.
    drawn = subnets_of(network, network.space.sample(len(known) + count, SEED))
    return [subnet for subnet in drawn if subnet.subnet_id not in known][:count]


def _request(subnet: Subnet, configuration: Configuration) -> JobRequest:
    return JobRequest(
        job_id=new_id(),
        subnet_id=subnet.subnet_id,
        configuration_id=configuration.configuration_id,
        priority=POLICY_PRIORITY,
    )

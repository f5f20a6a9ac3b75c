"""Queue measurements and see how the queue stands, over any store."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latbase.db import queries
from latbase.db.jobs import SEARCH_PRIORITY, JobRequest, new_id
from latbase.db.networks import Network, subnets_of, supernet_of
from latbase.db.store import Store
from latbase.errors import UnknownNameError

METRIC = "latency_ms"
"""What tells that a sub-network was measured; the other metrics come with it."""


def enqueue(
    store: Store,
    network: Network,
    genotypes: npt.NDArray[np.int8],
    configuration_id: str,
    *,
    search_id: str | None = None,
    priority: int = SEARCH_PRIORITY,
    again: bool = False,
) -> int:
    """Queue a job per sub-network that is neither measured nor queued; returns how many.

    Args:
        store: whose queue.
        network: whose sub-networks.
        genotypes: int8 (n, p).
        configuration_id: where to measure.
        search_id: the search that asks.
        priority: higher goes first.
        again: queue what is measured already, too.

    Raises:
        InvalidInputError: the configuration or the search is unknown to the store.
    """
    subnets = subnets_of(network, genotypes)
    store.write([supernet_of(network), *subnets])
    ids = [subnet.subnet_id for subnet in subnets]
    done = waiting(store, configuration_id)
    if not again:
        done |= set(
            queries.newest_values(store, ids, configuration_id=configuration_id, metric=METRIC)
        )
    return store.jobs.enqueue(
        [
            JobRequest(
                job_id=new_id(),
                subnet_id=subnet_id,
                configuration_id=configuration_id,
                search_id=search_id,
                priority=priority,
            )
            for subnet_id in dict.fromkeys(ids)
            if subnet_id not in done
        ]
    )


def waiting(store: Store, configuration_id: str) -> set[str]:
    """Return the sub-networks with a job of the configuration that waits or is being done."""
    found = store.query(
        "SELECT subnet_id FROM job WHERE configuration_id = ? AND status IN ('queued', 'claimed')",
        [configuration_id],
    )
    return set(found["subnet_id"].to_pylist())


def configurations_of(store: Store, host: str | None) -> list[str]:
    """Return the configurations of the hardware of ``host`` (name, or beginning of its id).

    None stands for all hosts.

    Raises:
        UnknownNameError: there is no such host, or its hardware has no configuration yet.
    """
    found: list[str] = store.query(
        "SELECT DISTINCT configuration_id FROM configuration JOIN host USING (hardware_id) "
        "WHERE $host IS NULL OR host_name = $host OR starts_with(host_id::VARCHAR, $host) "
        "ORDER BY configuration_id",
        {"host": host},
    )["configuration_id"].to_pylist()
    if not found:
        raise UnknownNameError(
            f"No configuration of {'any host' if host is None else f'host {host!r}'} is known; "
            "latbase hosts lists the hosts, latbase profile makes a configuration."
        )
    return found


def jobs(store: Store, status: str | None, max_rows: int) -> pa.Table:
    """Return the newest jobs, of one status if given."""
    return store.query(
        """
        SELECT job_id::VARCHAR AS job_id, status, supernet, subnet_id, configuration_id, host_id,
               attempts, priority, search_id, error, created_at, finished_at
        FROM job JOIN subnet USING (subnet_id) JOIN supernet USING (supernet_id)
        WHERE $status IS NULL OR status = $status
        ORDER BY created_at DESC, job_id DESC
        """,
        {"status": status},
        max_rows=max_rows,
    )


def failures(store: Store, subnet_ids: Sequence[str], configuration_id: str) -> list[str]:
    """Return why the last job of each of these sub-networks failed, where it did."""
    found = store.query(
        "SELECT arg_max(status, created_at) AS status, arg_max(error, created_at) AS error "
        "FROM job WHERE configuration_id = ? AND subnet_id IN (SELECT unnest(?::VARCHAR[])) "
        "GROUP BY subnet_id HAVING status = 'failed'",
        [configuration_id, list(subnet_ids)],
    )
    return [str(error) for error in found["error"].to_pylist()]


def silence_s(store: Store, configuration_id: str) -> float | None:
    """Return the seconds since a host of the configuration was last heard of; None for never."""
    found = store.query(
        "SELECT min(greatest(0, epoch(now()) - epoch(seen_at))) AS silent_s "
        "FROM configuration JOIN host USING (hardware_id) WHERE configuration_id = ?",
        [configuration_id],
    )
    silent: float | None = found["silent_s"][0].as_py()
    return silent


def counts(store: Store) -> dict[str, int]:
    """Return the number of jobs by status."""
    found = store.query("SELECT status, count(*) AS n FROM job GROUP BY status ORDER BY status")
    return dict(zip(found["status"].to_pylist(), found["n"].to_pylist(), strict=True))


def open_jobs(store: Store, search: str | None) -> Sequence[str]:
    """Return the ids of jobs that wait or are being done, of one search if given.

    Raises:
        UnknownNameError: no search id starts so.
    """
    search_id = None if search is None else queries.search(store, search).search_id
    found = store.query(
        "SELECT job_id::VARCHAR AS job_id FROM job WHERE status IN ('queued', 'claimed') "
        "AND ($search IS NULL OR search_id = $search)",
        {"search": search_id},
    )
    return list(found["job_id"].to_pylist())

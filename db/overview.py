"""What a dashboard shows, over :meth:`Store.query` alone: it works on any store."""

import pyarrow as pa

from latbase.db.store import Store
from latbase.errors import UnknownNameError

MOST_POINTS = 50_000
"""Sub-networks one picture shows at most."""


def hosts(store: Store) -> pa.Table:
    """Return every host with its hardware, last heartbeat, and jobs waiting for and held by it."""
    return store.query(
        """
        SELECT host_id, host_name, hardware_id, hardware.facts ->> 'cpu_brand' AS cpu,
               latbase_version, seen_at, epoch(now()) - epoch(seen_at) AS silent_s,
               (SELECT count(*) FROM configuration
                WHERE configuration.hardware_id = host.hardware_id) AS configurations,
               (SELECT count(*) FROM job JOIN configuration USING (configuration_id)
                WHERE configuration.hardware_id = host.hardware_id AND status = 'queued')
                   AS queued,
               (SELECT count(*) FROM job
                WHERE job.host_id = host.host_id AND status = 'claimed') AS claimed
        FROM host LEFT JOIN hardware USING (hardware_id)
        ORDER BY host_name, host_id
        """
    )


def jobs(store: Store) -> pa.Table:
    """Return how many jobs there are by configuration and status."""
    return store.query(
        "SELECT configuration_id, status, count(*) AS jobs FROM job "
        "GROUP BY ALL ORDER BY configuration_id, status"
    )


def coverage(store: Store) -> pa.Table:
    """Return what is measured where, with the scores of the newest predictor of each."""
    return store.query(
        """
        SELECT supernet, supernet_id, configuration_id, metric, subnets, stable, unstable,
               disturbed, newest_at, arg_max(kind, fitted_at) AS predictor,
               arg_max(n_train, fitted_at) AS n_train, arg_max(kendall_tau, fitted_at) AS tau,
               arg_max(mape_percent, fitted_at) AS mape_percent
        FROM tally JOIN supernet USING (supernet_id)
        LEFT JOIN predictor USING (supernet_id, configuration_id, metric)
        GROUP BY ALL ORDER BY supernet, configuration_id, metric
        """
    )


def latencies(store: Store, supernet_id: str, configuration_id: str, other: str) -> pa.Table:
    """Return sub-networks measured on both configurations: ``subnet_id``, ``x_ms``, ``y_ms``.

    Args:
        store: where to look.
        supernet_id: whose sub-networks.
        configuration_id: gives ``x_ms``.
        other: gives ``y_ms``; may be the same.
    """
    return store.query(
        """
        SELECT first.subnet_id, first.value AS x_ms, second.value AS y_ms, first.verdict
        FROM newest AS first JOIN newest AS second USING (subnet_id, metric)
        WHERE first.supernet_id = $supernet AND metric = 'latency_ms'
          AND first.configuration_id = $first AND second.configuration_id = $second
        ORDER BY x_ms
        """,
        {"supernet": supernet_id, "first": configuration_id, "second": other},
        max_rows=MOST_POINTS,
    )


def subnet(store: Store, subnet_id: str) -> dict[str, object]:
    """Return a sub-network: its supernet, config, and newest latency on every configuration.

    Raises:
        UnknownNameError: there is none of that id.
    """
    found: list[dict[str, object]] = store.query(
        "SELECT subnet_id, supernet, config FROM subnet JOIN supernet USING (supernet_id) "
        "WHERE subnet_id = ?",
        [subnet_id],
    ).to_pylist()
    if not found:
        raise UnknownNameError(f"There is no sub-network {subnet_id} in the store.")
    measured = store.query(
        "SELECT configuration_id, latency_ms, interval_ms, verdict, measured_at FROM latency "
        "WHERE subnet_id = ? ORDER BY latency_ms",
        [subnet_id],
    )
    return found[0] | {"latencies": measured.to_pylist()}

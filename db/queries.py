"""The questions other rooms ask, over :meth:`Store.query` alone: they work on any store."""

import json
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from latbase.db.records import Configuration, Evaluation, Search, SearchStatus, Source, Subnet
from latbase.db.store import Store
from latbase.errors import UnknownNameError

LATEST = "latest"
"""Stands for the newest search wherever a search id is expected."""


def configurations(store: Store) -> pa.Table:
    """Return every configuration with its processor and how much was measured on it."""
    return store.query(
        """
        SELECT configuration_id, device, threads, batch_size, precision, engine, memory_format,
               input_size, hardware.facts ->> 'cpu_brand' AS cpu,
               coalesce(sum(stable + unstable + disturbed), 0)::BIGINT AS measurements,
               (SELECT count(*) FROM host WHERE host.hardware_id = configuration.hardware_id)
                   AS hosts,
               max(newest_at) AS newest_at
        FROM configuration
        LEFT JOIN hardware USING (hardware_id)
        LEFT JOIN (FROM tally WHERE metric = 'latency_ms') USING (configuration_id)
        GROUP BY ALL ORDER BY newest_at DESC NULLS LAST, configuration_id
        """
    )


def configuration_id(store: Store, prefix: str) -> str:
    """Return the one configuration id that starts with ``prefix``.

    Raises:
        UnknownNameError: none does, or several do.
    """
    return _whole(store, "configuration", prefix)


def job_id(store: Store, prefix: str) -> str:
    """Return the one job id that starts with ``prefix``.

    Raises:
        UnknownNameError: none does, or several do.
    """
    return _whole(store, "job", prefix)


def configuration(store: Store, prefix: str) -> Configuration:
    """Return the one configuration whose id starts with ``prefix``.

    Raises:
        UnknownNameError: none does, or several do.
    """
    whole = configuration_id(store, prefix)
    found = store.query("SELECT * FROM configuration WHERE configuration_id = ?", [whole])
    return Configuration(**found.to_pylist()[0])


def newest_values(
    store: Store, subnet_ids: Sequence[str], *, configuration_id: str, metric: str
) -> dict[str, float]:
    """Return the newest undisturbed value per sub-network, where there is one."""
    found = store.query(
        "SELECT subnet_id, value FROM newest WHERE configuration_id = ? AND metric = ? "
        "AND subnet_id IN (SELECT unnest(?::VARCHAR[]))",
        [configuration_id, metric, list(subnet_ids)],
    )
    return dict(zip(found["subnet_id"].to_pylist(), found["value"].to_pylist(), strict=True))


def last_measured(
    store: Store, subnet_ids: Sequence[str], *, configuration_id: str, metric: str
) -> dict[str, tuple[float, str]]:
    """Return the value and verdict of each sub-network's last measurement, whatever it was."""
    found = store.query(
        "SELECT subnet_id, arg_max(value, measured_at) AS value, "
        "arg_max(verdict, measured_at) AS verdict FROM measurement "
        "WHERE configuration_id = ? AND metric = ? "
        "AND subnet_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY subnet_id",
        [configuration_id, metric, list(subnet_ids)],
    )
    return {row["subnet_id"]: (row["value"], row["verdict"]) for row in found.to_pylist()}


def measured(
    store: Store,
    supernet_id: str,
    configuration_id: str,
    *,
    metric: str = "latency_ms",
    before: datetime | None = None,
) -> pa.Table:
    """Return ``subnet_id``, ``genotype`` and newest undisturbed ``value`` of every sub-network.

    Args:
        store: where to look.
        supernet_id: whose sub-networks.
        configuration_id: measured on this configuration.
        metric: which metric.
        before: leave out what was measured at or after this time.
    """
    wanted: dict[str, object] = {
        "supernet": supernet_id,
        "configuration": configuration_id,
        "metric": metric,
    }
    if before is None:
        return store.query(
            """
            SELECT subnet_id, genotype, value
            FROM newest JOIN subnet USING (subnet_id)
            WHERE newest.supernet_id = $supernet AND configuration_id = $configuration
              AND metric = $metric
            ORDER BY subnet_id
            """,
            wanted,
        )
    return store.query(
        """
        SELECT subnet_id, any_value(genotype) AS genotype,
               arg_max(value, (verdict = 'stable', measured_at, measurement_id)) AS value
        FROM measurement JOIN subnet USING (subnet_id)
        WHERE supernet_id = $supernet AND configuration_id = $configuration AND metric = $metric
          AND verdict <> 'disturbed' AND measured_at < $before
        GROUP BY subnet_id ORDER BY subnet_id
        """,
        wanted | {"before": before},
    )


def validated(
    store: Store,
    supernet_id: str,
    metric: str,
    conditions_id: str,
    *,
    before: datetime | None = None,
) -> pa.Table:
    """Return ``subnet_id``, ``genotype`` and ``value`` of every sub-network validated alike.

    Args:
        store: where to look.
        supernet_id: whose sub-networks.
        metric: which value.
        conditions_id: validated under these conditions.
        before: leave out what was validated at or after this time.
    """
    return store.query(
        """
        SELECT subnet_id, genotype, value
        FROM validation JOIN subnet USING (subnet_id)
        WHERE supernet_id = $supernet AND metric = $metric AND conditions_id = $conditions
          AND ($before IS NULL OR validated_at < $before)
        ORDER BY subnet_id
        """,
        {
            "supernet": supernet_id,
            "metric": metric,
            "conditions": conditions_id,
            "before": before,
        },
    )


def known_genotypes(store: Store, supernet_id: str) -> list[list[int]]:
    """Return the genotype of every sub-network of a supernet that the store knows."""
    found = store.query(
        "SELECT genotype FROM subnet WHERE supernet_id = ? ORDER BY subnet_id", [supernet_id]
    )
    rows: list[list[int]] = found["genotype"].to_pylist()
    return rows


def searches(store: Store) -> pa.Table:
    """Return one row per search, newest first."""
    return store.query(
        """
        SELECT search_id, supernet, configuration_id, tactic,
               objectives ->> '$[*].name' AS objectives,
               status, count(position) AS evaluations,
               count(position) FILTER (on_front) AS on_front, created_at
        FROM search JOIN supernet USING (supernet_id) LEFT JOIN evaluation USING (search_id)
        GROUP BY ALL ORDER BY created_at DESC
        """
    )


def search(store: Store, prefix: str) -> Search:
    """Return the one search whose id starts with ``prefix``, or the newest for ``latest``.

    Raises:
        UnknownNameError: there is none, or there are several.
    """
    if prefix.lower() == LATEST:
        newest = store.query("SELECT search_id FROM search ORDER BY created_at DESC LIMIT 1")
        if newest.num_rows == 0:
            raise UnknownNameError("There is no search in the store yet; run latbase search.")
        prefix = newest["search_id"][0].as_py()
    whole = _whole(store, "search", prefix)
    found = store.query("SELECT * FROM search WHERE search_id = ?", [whole])
    return _searches(found)[0]


def unfinished_searches(store: Store, supernet_id: str) -> list[Search]:
    """Return the searches of a supernet that can be continued, newest first."""
    found = store.query(
        "SELECT * FROM search WHERE supernet_id = ? AND status = 'running' "
        "ORDER BY created_at DESC",
        [supernet_id],
    )
    return _searches(found)


def finished_searches(store: Store, supernet_id: str) -> list[Search]:
    """Return the searches of a supernet that reached their end, newest first."""
    found = store.query(
        "SELECT * FROM search WHERE supernet_id = ? AND status = 'finished' "
        "ORDER BY created_at DESC",
        [supernet_id],
    )
    return _searches(found)


def front_sizes(store: Store, supernet_id: str) -> dict[str, int]:
    """Return by search of a supernet how many sub-networks are on its front, if there are any."""
    found = store.query(
        "SELECT search_id, count(*) AS size FROM evaluation JOIN search USING (search_id) "
        "WHERE supernet_id = ? AND on_front GROUP BY search_id",
        [supernet_id],
    )
    return dict(zip(found["search_id"].to_pylist(), found["size"].to_pylist(), strict=True))


def profiled(store: Store, supernet_id: str, metric: str, *, least: int = 1) -> list[Configuration]:
    """Return the configurations with undisturbed values of that many sub-networks, by id."""
    found = store.query(
        "SELECT configuration.* FROM configuration JOIN tally USING (configuration_id) "
        "WHERE supernet_id = ? AND metric = ? AND subnets >= ? AND stable + unstable >= ? "
        "ORDER BY configuration_id",
        [supernet_id, metric, least, least],
    )
    return [Configuration(**row) for row in found.to_pylist()]


def subnet(store: Store, prefix: str) -> Subnet:
    """Return the one sub-network whose id starts with ``prefix``.

    Raises:
        UnknownNameError: none does, or several do.
    """
    whole = _whole(store, "subnet", prefix)
    found = store.query(
        "SELECT subnet_id, supernet_id, genotype, config FROM subnet WHERE subnet_id = ?", [whole]
    ).to_pylist()[0]
    return Subnet(
        **found | {"genotype": tuple(found["genotype"]), "config": json.loads(found["config"])}
    )


def supernet_name(store: Store, supernet_id: str) -> str:
    """Return the name of a supernet the store knows."""
    found = store.query("SELECT supernet FROM supernet WHERE supernet_id = ?", [supernet_id])
    return str(found["supernet"][0].as_py())


def supernet_ids(store: Store, name: str) -> list[str]:
    """Return the ids of the supernets of that name; its definition may have changed over time.

    Raises:
        UnknownNameError: the store has none.
    """
    found = store.query("SELECT supernet_id FROM supernet WHERE supernet = ?", [name])
    if not found.num_rows:
        raise UnknownNameError(f"The store knows no supernet {name}; latbase coverage lists them.")
    ids: list[str] = found["supernet_id"].to_pylist()
    return ids


def evaluations(store: Store, search_id: str) -> list[Evaluation]:
    """Return the evaluations of a search in order."""
    found = store.query(
        "SELECT * FROM evaluation WHERE search_id = ? ORDER BY position", [search_id]
    )
    return [
        Evaluation(
            **row
            | {
                "values": tuple(row["values"]),
                "sources": tuple(Source(source) for source in row["sources"]),
            }
        )
        for row in found.to_pylist()
    ]


def genotypes(store: Store, search_id: str) -> pa.Table:
    """Return ``subnet_id``, ``genotype`` and ``config`` of a search's evaluations in order."""
    return store.query(
        "SELECT subnet_id, genotype, config FROM evaluation JOIN subnet USING (subnet_id) "
        "WHERE search_id = ? ORDER BY position",
        [search_id],
    )


def _searches(found: pa.Table) -> list[Search]:
    return [
        Search(
            **row
            | {
                "objectives": tuple(json.loads(row["objectives"])),
                "options": json.loads(row["options"]),
                "status": SearchStatus(row["status"]),
            }
        )
        for row in found.to_pylist()
    ]


def _whole(store: Store, table: str, prefix: str) -> str:
    found = store.query(
        f"SELECT {table}_id::VARCHAR AS id FROM {table} WHERE starts_with(id, ?) LIMIT 6",
        [prefix],
    )["id"].to_pylist()
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise UnknownNameError(
            f"No {table} id starts with {prefix!r}; latbase {_LISTED_BY[table]} lists them."
        )
    raise UnknownNameError(f"Several {table} ids start with {prefix!r}: {', '.join(found)}.")


_LISTED_BY = {
    "configuration": "configs",
    "job": "jobs",
    "search": "searches",
    "subnet": "latency SUPERNET",
}

"""Latency of sub-networks on every configuration: measured where it was, else predicted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from latbase.db import queries
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import Source, Subnet
from latbase.identity import canonical_json
from latbase.searcher.catalogue import LEAST_ROWS, training_data
from latbase.searcher.knowledge import Genotypes

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet

KIND = "ridge"
"""Milliseconds to fit, and as good as any at the usual number of measurements."""


def latencies(
    store: "Store",
    network: "Supernet",
    configuration_ids: Sequence[str],
    genotypes: Genotypes | None,
) -> tuple[pa.Table, list[str]]:
    """Look sub-networks up on every configuration.

    Args:
        store: where to look.
        network: the supernet.
        configuration_ids: on which configurations.
        genotypes: int8 (n, p); None for every sub-network the store knows.

    Returns:
        Columns ``subnet_id``, ``configuration_id``, ``latency_ms``, ``spread_ms`` (null where
        measured), ``source`` and ``config`` (JSON); and the configurations on which too little is
        measured to predict.
    """
    if genotypes is None:
        known = queries.known_genotypes(store, supernet_of(network).supernet_id)
        genotypes = np.array(known, dtype=np.int8).reshape(-1, network.space.p)
    subnets = subnets_of(network, genotypes)
    parts = [_latencies(store, network, each, subnets) for each in configuration_ids]
    unpredicted = [
        configuration_id
        for configuration_id, part in zip(configuration_ids, parts, strict=True)
        if part.num_rows < len(subnets)
    ]
    return (pa.concat_tables(parts) if parts else pa.table({})), unpredicted


def _latencies(
    store: "Store", network: "Supernet", configuration_id: str, subnets: Sequence[Subnet]
) -> pa.Table:
    ids = [subnet.subnet_id for subnet in subnets]
    known = queries.newest_values(
        store, ids, configuration_id=configuration_id, metric="latency_ms"
    )
    values = np.array([known.get(subnet_id, np.nan) for subnet_id in ids])
    spread = np.full(len(values), np.nan)
    missing = np.isnan(values)
    data = training_data(store, network, configuration_id)
    if missing.any() and len(data.values) >= LEAST_ROWS:
        genotypes = np.array([subnet.genotype for subnet in subnets], dtype=np.int8)[missing]
        values[missing], spread[missing] = data.fit(KIND).predict(network.space.features(genotypes))
    table = pa.table(
        {
            "subnet_id": ids,
            "configuration_id": [configuration_id] * len(ids),
            "latency_ms": pa.array(values, from_pandas=True),
            "spread_ms": pa.array(spread, from_pandas=True),
            "source": [str(Source.PREDICTED if m else Source.MEASURED) for m in missing],
            "config": [canonical_json(dict(subnet.config)) for subnet in subnets],
        }
    )
    return table.filter(pa.array(~np.isnan(values)))

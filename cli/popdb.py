"""The popdb command: which values the good sub-networks of a search kept."""

import click

from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings


@click.command(epilog="Example: latbase popdb latest, then: latbase search SUPERNET --popdb latest")
@click.argument("search_id", metavar="ID")
@click.option("--min-cluster-size", type=click.IntRange(2), default=50, show_default=True)
@click.option("--min-samples", type=click.IntRange(1), default=10, show_default=True)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Least share in percent of a value that stays.",
)
@output_options
@click.pass_obj
def popdb(
    settings: Settings,
    search_id: str,
    min_cluster_size: int,
    min_samples: int,
    threshold: float,
    output: Output,
) -> None:
    """Show how often each value occurs in the dense regions of search ID, and what would stay.

    The history is clustered by HDBSCAN; values rarer than the threshold would leave the space.
    """
    import pyarrow as pa

    from latbase import supernets
    from latbase.db import queries
    from latbase.searcher import constrain
    from latbase.searcher.recipes import history

    with open_store(settings, read_only=True) as store:
        search = queries.search(store, search_id)
        network = supernets.load(queries.supernet_name(store, search.supernet_id))
        genotypes = history(store, network, search.search_id)
    found = constrain(
        network.space,
        genotypes,
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        threshold=threshold / 100.0,
    )
    rows = [
        {
            "parameter": parameter.name,
            "value": str(value),
            "share_percent": 100.0 * float(share),
            "kept": value in found.kept.get(parameter.name, ()),
        }
        for parameter, shares in zip(network.space.parameters, found.frequencies, strict=True)
        for value, share in zip(parameter.values, shares, strict=False)
    ]
    show(pa.Table.from_pylist(rows), output)
    note(
        f"{len(genotypes)} sub-networks in {found.clusters} clusters, {found.noise} in none; "
        f"{found.space.size:.3g} of {found.size_before:.3g} sub-networks stay."
    )

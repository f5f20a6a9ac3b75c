"""The popdb command: which values the good sub-networks of a search kept."""

from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import loads_as_option, popdb_options
from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.searcher.popdb import Reduction


@click.command(epilog="Example: latbase popdb latest, then: latbase search SUPERNET --popdb latest")
@click.argument("search_id", metavar="ID")
@popdb_options()
@loads_as_option
@output_options
@click.pass_obj
def popdb(
    settings: Settings,
    search_id: str,
    reduction: "Reduction",
    loads_as: str | None,
    output: Output,
) -> None:
    """Show how often each value occurs in the dense regions of search ID, and what would stay.

    The history is clustered by HDBSCAN; values rarer than their threshold would leave the space,
    except the most frequent one of each parameter. latbase search --popdb ID takes the same options
    behind --popdb-.
    """
    import pyarrow as pa

    from latbase import supernets
    from latbase.db import queries
    from latbase.searcher.recipes import history

    with open_store(settings, read_only=True) as store:
        search = queries.search(store, search_id)
        network = supernets.load(loads_as or queries.supernet_name(store, search.supernet_id))
        genotypes = history(store, network, search.search_id)
    found = reduction.of(network.space, genotypes)
    rows = [
        {
            "parameter": parameter.name,
            "value": str(value),
            "share_percent": 100.0 * float(share),
            "kept": value in found.kept[parameter.name],
        }
        for parameter, shares in zip(network.space.parameters, found.frequencies, strict=True)
        for value, share in zip(parameter.values, shares, strict=False)
    ]
    show(pa.Table.from_pylist(rows), output)
    note(
        f"{len(genotypes)} sub-networks in {found.clusters} clusters, {found.noise} in none; "
        f"{found.space.size:.3g} of {found.size_before:.3g} sub-networks stay."
    )

"""The report command: one page that holds everything about a search."""

from pathlib import Path

import click

from latbase.cli.arguments import loads_as_option
from latbase.cli.opening import open_store
from latbase.cli.output import note
from latbase.settings import Settings


@click.command(epilog="Example: latbase report latest -o report.html")
@click.argument("search_id", metavar="SEARCH")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write the page.",
)
@click.option("--normalised", is_flag=True, help="Show measured values as shares, never absolute.")
@loads_as_option
@click.pass_obj
def report(
    settings: Settings, search_id: str, path: Path, normalised: bool, loads_as: str | None
) -> None:
    """Write one self-contained page on SEARCH (its id, its first characters, or: latest).

    Front, progression, hypervolume, preferred values, predictor and recipe; it opens offline.
    """
    from latbase import supernets
    from latbase.errors import InvalidInputError
    from latbase.searcher import results
    from latbase.searcher.analytics import front, normalising
    from latbase.searcher.analytics.report import appendix
    from latbase.searcher.experience import of_supernet

    with open_store(settings, read_only=True) as store:
        found = results.load(store, search_id)
        if not len(found.values):
            raise InvalidInputError(f"Search {search_id} has no evaluations yet.")
        shown = normalising.normalised(found) if normalised else found
        network = supernets.load(loads_as or found.supernet)
        of_supernet(found.record, network)
        more = appendix(store, network, shown, normalised=normalised)
    front.write_page(shown.view(), path, more)
    note(f"Report written to {path}")

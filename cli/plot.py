"""The plot commands: figures of searches, fronts, hypervolume, predictors and parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import IntegerList, clustering_options, loads_as_option
from latbase.cli.opening import open_store
from latbase.cli.output import json_out, note, progress, show_rows
from latbase.errors import InvalidInputError
from latbase.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.searcher import PopDB
    from latbase.searcher.analytics.parameters import Share
    from latbase.searcher.knowledge import Genotypes
    from latbase.searcher.results import Results
    from latbase.supernets import SearchSpace

SEVERAL = 2
"""Fronts that can be compared."""


def _figure_file(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "-o",
        "--output",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        metavar="FILE",
        help="Where to draw it (.png, .svg or .pdf).",
    )(command)


def _normalised(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--normalised",
        is_flag=True,
        help="Show measured values as shares of their range, 0 to 1, never absolute.",
    )(command)


def _json(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--json", "as_json", is_flag=True, help="Write the numbers behind it as JSON."
    )(command)


@click.group(epilog="Example: latbase plot progression latest -o progression.png")
def plot() -> None:
    """Draw figures of what searches found and what predictors know."""


@plot.command(epilog="Example: latbase plot progression latest -o progression.png")
@click.argument("search_id", metavar="SEARCH")
@_figure_file
@_normalised
@click.pass_obj
def progression(settings: Settings, search_id: str, path: Path, normalised: bool) -> None:
    """Draw every evaluation of SEARCH, coloured by when it was made."""
    from latbase.searcher.analytics import normalising
    from latbase.searcher.analytics import progression as drawing

    (found,) = _searches(settings, [search_id])
    _save(drawing.draw(normalising.normalised(found) if normalised else found), path)


@plot.command(epilog="Example: latbase plot fronts 3f2a 91bc -o fronts.svg")
@click.argument("search_ids", metavar="SEARCH...", nargs=-1, required=True)
@_figure_file
@_normalised
@click.option("--enqueue", is_flag=True, help="Ask daemons to measure what a cost still lacks.")
@_json
@click.pass_obj
def fronts(
    settings: Settings,
    search_ids: tuple[str, ...],
    path: Path,
    normalised: bool,
    enqueue: bool,
    as_json: bool,
) -> None:
    """Draw the fronts of several searches, and say what using one machine's on another costs.

    The cost is the hypervolume lost when a front's sub-networks, as measured on the other machine,
    replace what that machine's own search found.
    """
    from latbase import supernets
    from latbase.searcher.analytics import exchange as drawing

    found = _searches(settings, search_ids)
    if len(found) < SEVERAL:
        raise InvalidInputError("One front is nothing to compare; name two searches or more.")
    with open_store(settings, read_only=not enqueue) as store:
        costs = drawing.exchange(store, found)
        if enqueue:
            queued = drawing.enqueue(store, supernets.load(found[0].supernet), found)
            note(f"{queued} measurements queued; draw again when latbase jobs shows them finished.")
        _save(drawing.draw(store, found, normalised=normalised), path)
    _say([asdict(cost) for cost in costs], as_json, "A front used elsewhere")
    if not enqueue and any(cost.lost_percent is None for cost in costs):
        note(
            "A cost is known once every member of a front is measured there; --enqueue asks for it."
        )


@plot.command(epilog="Example: latbase plot hypervolume 3f2a 91bc 77d0 -o hypervolume.png")
@click.argument("search_ids", metavar="SEARCH...", nargs=-1, required=True)
@_figure_file
@_json
@click.pass_obj
def hypervolume(settings: Settings, search_ids: tuple[str, ...], path: Path, as_json: bool) -> None:
    """Draw hypervolume against evaluations; searches that differ in the seed make one band."""
    from latbase.searcher.analytics import hypervolume as drawing

    found = drawing.growths(_searches(settings, search_ids))
    _save(drawing.draw(found), path)
    _say([asdict(standing) for growth in found for standing in growth.standings()], as_json)


@plot.command(epilog="Example: latbase plot predictor SUPERNET --config 1a2b -o predictor.png")
@click.argument("supernet")
@click.option("--config", "prefix", metavar="ID", help="What was measured on this one.")
@click.option(
    "--search", "search_id", metavar="SEARCH", help="What this one evaluated, any metric."
)
@click.option("--metric", default="latency_ms", show_default=True)
@click.option("--kind", default="ridge", show_default=True, help="ridge, gp, … or auto.")
@click.option(
    "--training",
    "sizes",
    type=IntegerList(),
    help="Training sizes; up to 1000, or what is there, unless said.",
)
@click.option(
    "--test",
    "test_rows",
    type=click.IntRange(2),
    default=500,
    show_default=True,
    help="Sub-networks that judge every fit; at most a third of those there are.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How often training sub-networks are drawn.",
)
@_figure_file
@_normalised
@_json
@click.pass_obj
def predictor(
    settings: Settings,
    supernet: str,
    prefix: str | None,
    search_id: str | None,
    metric: str,
    kind: str,
    sizes: tuple[int, ...] | None,
    test_rows: int,
    trials: int,
    path: Path,
    normalised: bool,
    as_json: bool,
) -> None:
    """Draw a predictor's error and τ by training size, and its predictions beside measured values.

    Every trial draws its training sub-networks; the same others judge all trials and sizes.
    """
    from latbase import supernets
    from latbase.db import queries
    from latbase.searcher.analytics import learning as drawing
    from latbase.searcher.catalogue import training_data

    network = supernets.load(supernet)
    if search_id and not prefix:
        (search,) = _searches(settings, [search_id])
        title, data = search.title, drawing.evaluated(search, network, metric)
        source = search.sources[search.column(metric)]
    elif prefix and not search_id:
        with open_store(settings, read_only=True) as store:
            place = queries.configuration_id(store, prefix)
            title, data = f"{supernet} on {place[:8]}", training_data(store, network, place, metric)
            source = "measured"
    else:
        raise click.UsageError("choose one of --config and --search.")
    planned = drawing.plan(data, sizes=sizes, test_rows=test_rows, trials=trials)
    with progress("fitted", planned.steps) as advance:
        found = drawing.learning(data, kind, planned, on_step=advance)
    _save(drawing.draw(found, title, source=source, normalised=normalised), path)
    _say([asdict(lesson) for lesson in found.lessons()], as_json, str(planned))


@plot.command(epilog="Example: latbase plot ranking SUPERNET -o ranking.png")
@click.argument("supernet_names", metavar="SUPERNET...", nargs=-1, required=True)
@click.option("--metric", default="latency_ms", show_default=True)
@click.option("--kind", default="ridge", show_default=True, help="ridge, gp, … or auto.")
@_figure_file
@_json
@click.pass_obj
def ranking(
    settings: Settings,
    supernet_names: tuple[str, ...],
    metric: str,
    kind: str,
    path: Path,
    as_json: bool,
) -> None:
    """Draw how well predictors rank unseen sub-networks, per supernet and configuration."""
    from latbase import supernets
    from latbase.db import queries
    from latbase.db.networks import supernet_of
    from latbase.searcher.analytics import learning as drawing
    from latbase.searcher.catalogue import LEAST_ROWS, training_data

    with open_store(settings, read_only=True) as store:
        data = [
            training_data(store, network, place.configuration_id, metric)
            for network in map(supernets.load, supernet_names)
            for place in queries.profiled(
                store, supernet_of(network).supernet_id, metric, least=LEAST_ROWS
            )
        ]
    found = drawing.rankings(data, kind)
    if not found:
        raise InvalidInputError(
            f"Nowhere are {LEAST_ROWS} sub-networks of these supernets measured; "
            "run latbase profile."
        )
    _save(drawing.draw_rankings(found), path)
    _say([asdict(each) for each in found], as_json)


@plot.command(epilog="Example: latbase plot parameters latest -o parameters.png")
@click.argument("search_id", metavar="SEARCH")
@_figure_file
@loads_as_option
@_json
@click.pass_obj
def parameters(
    settings: Settings, search_id: str, path: Path, loads_as: str | None, as_json: bool
) -> None:
    """Draw which values the sub-networks on the front of SEARCH take."""
    from latbase.searcher.analytics import parameters as drawing
    from latbase.searcher.popdb import frequencies

    found, space = _with_space(settings, search_id, loads_as)
    genotypes = space.from_configs([member["config"] for member in found.members()])
    shares = drawing.shares(space, frequencies(space, genotypes))
    title = f"{found.title}: values on the front of {len(genotypes)}"
    _save(drawing.draw(shares, title), path)
    _say(_by_parameter(shares), as_json)


@plot.command(epilog="Example: latbase plot popdb latest -o popdb.png")
@click.argument("search_id", metavar="SEARCH")
@_figure_file
@clustering_options()
@loads_as_option
@_json
@click.pass_obj
def popdb(
    settings: Settings,
    search_id: str,
    path: Path,
    min_cluster_size: int,
    min_samples: int,
    loads_as: str | None,
    as_json: bool,
) -> None:
    """Draw how often each value occurs in the dense regions of what SEARCH evaluated."""
    from latbase.searcher.analytics import parameters as drawing

    found, space, _, reduced = _dense(settings, search_id, loads_as, min_cluster_size, min_samples)
    title = f"{found.title}: values in dense regions, {reduced.noise} sub-networks in none"
    shares = drawing.shares(space, reduced.frequencies)
    _save(drawing.draw(shares, title), path)
    _say(_by_parameter(shares), as_json)


@plot.command(epilog="Example: latbase plot clusters latest -o clusters.png")
@click.argument("search_id", metavar="SEARCH")
@_figure_file
@clustering_options()
@loads_as_option
@_json
@click.pass_obj
def clusters(
    settings: Settings,
    search_id: str,
    path: Path,
    min_cluster_size: int,
    min_samples: int,
    loads_as: str | None,
    as_json: bool,
) -> None:
    """Draw the dense regions of what SEARCH evaluated, in the plane in which it varies most."""
    from latbase.searcher.analytics import clusters as drawing

    found, space, genotypes, reduced = _dense(
        settings, search_id, loads_as, min_cluster_size, min_samples
    )
    title = f"{found.title}: dense regions of {len(genotypes)} sub-networks"
    _save(drawing.draw(drawing.plane(space, genotypes), reduced.labels, title), path)
    _say([asdict(each) for each in drawing.sizes(reduced.labels)], as_json)


def _with_space(
    settings: Settings, search_id: str, loads_as: str | None
) -> "tuple[Results, SearchSpace]":
    from latbase import supernets
    from latbase.searcher.experience import of_supernet

    (found,) = _searches(settings, [search_id])
    network = supernets.load(loads_as or found.supernet)
    of_supernet(found.record, network)
    return found, network.space


def _dense(
    settings: Settings,
    search_id: str,
    loads_as: str | None,
    min_cluster_size: int,
    min_samples: int,
) -> "tuple[Results, SearchSpace, Genotypes, PopDB]":
    """Return a search, its space, what it evaluated, and the clusters in that."""
    from latbase.searcher import constrain

    found, space = _with_space(settings, search_id, loads_as)
    genotypes = space.from_configs(found.configs)
    reduced = constrain(
        space, genotypes, min_cluster_size=min_cluster_size, min_samples=min_samples
    )
    return found, space, genotypes, reduced


def _searches(settings: Settings, search_ids: Sequence[str]) -> "list[Results]":
    from latbase.searcher import results

    with open_store(settings, read_only=True) as store:
        found = [results.load(store, search_id) for search_id in search_ids]
    for each in found:
        if not len(each.values):
            raise InvalidInputError(
                f"Search {each.record.search_id} has no evaluations yet; run latbase search."
            )
    return found


def _by_parameter(shares: "Sequence[Share]") -> list[dict[str, object]]:
    """Return a row per parameter: its values with their shares, the commonest first."""
    rows: dict[str, dict[str, float]] = {}
    for each in sorted(shares, key=lambda each: -each.share):
        rows.setdefault(each.parameter, {})[each.value] = round(each.share, 4)
    names = dict.fromkeys(each.parameter for each in shares)
    return [{"parameter": name, "shares": rows[name]} for name in names]


def _say(rows: Sequence[Mapping[str, object]], as_json: bool, title: str | None = None) -> None:
    """Write what a figure shows as numbers."""
    if as_json:
        json_out(rows)
    else:
        show_rows(list(rows[0]), [list(row.values()) for row in rows], title)


def _save(figure: "Figure", path: Path) -> None:
    from latbase.searcher.analytics import figures

    figures.save(figure, path)
    note(f"Picture written to {path}")

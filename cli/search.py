"""Commands that search: search, searches."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import SEED, Measuring, given, measuring_options, popdb_options
from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, only_results, output_options, show
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.searcher.popdb import Reduction


@click.command(
    epilog="Example: latbase search ofa_mbv3_d234_e346_k357_w1.0 --objective top1 "
    "--objective latency_ms --evaluations 100"
)
@click.argument("supernet")
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    default=("top1", "latency_ms"),
    show_default=True,
    help="What to optimise: top1, latency_ms, macs, params, 'params<=6M', max:NAME; repeat it.",
)
@click.option("--constraint", "constraints", multiple=True, help="Only a bound: 'macs<=300M'.")
@click.option(
    "--predict",
    "predicted",
    metavar="OBJECTIVE",
    multiple=True,
    help="Predict it from what the store has of it, instead of measuring or validating it; repeat "
    "it.",
)
@click.option("--evaluations", type=click.IntRange(1), default=100, show_default=True)
@click.option("--config", "prefix", metavar="ID", help="Configuration to search for.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=1, show_default=True)
@click.option("--tactic", default="auto", show_default=True)
@click.option("--algorithm", default="nsga2", show_default=True)
@click.option("--predictor", help="Kind of predictor inside the tactic. [default: its own]")
@click.option(
    "--population",
    type=click.IntRange(1),
    help="Sub-networks evaluated at a time. [default: the tactic's own]",
)
@click.option(
    "--training",
    type=click.IntRange(3),
    help="Evaluations that the tactic predictors_first learns from before it predicts. "
    "[default: half of all]",
)
@click.option(
    "--warm-start",
    metavar="SEARCH",
    default="auto",
    show_default=True,
    help="Earlier search to start from: its id, none, or auto: the tactics auto and warm_start "
    "choose by evidence, all others start cold.",
)
@click.option(
    "--popdb",
    metavar="SEARCH",
    help="Only values its good sub-networks kept; latbase popdb SEARCH shows which.",
)
@popdb_options("popdb-")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option(
    "--executor",
    metavar="MODULE:NAME",
    help="Validate on the workers of a concurrent.futures.Executor: what makes one, by import path "
    "or path/to/file.py:NAME.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Validate top1 on labelled images: a folder per class, or ImageNet as downloaded.",
)
@click.option("--image-limit", type=click.IntRange(1), metavar="N", help="Use only so many.")
@click.option(
    "--weights",
    metavar="FILE|URL|pretrained",
    help="Trained weights of the supernet; pretrained downloads what its authors publish.",
)
@click.option("--new", is_flag=True, help="Begin anew even if the same search is unfinished.")
@measuring_options
@click.option("--json", "as_json", is_flag=True, help="Write the front as JSON.")
@click.pass_obj
def search(
    settings: Settings,
    supernet: str,
    objectives: tuple[str, ...],
    constraints: tuple[str, ...],
    predicted: tuple[str, ...],
    evaluations: int,
    prefix: str | None,
    threads: int,
    batch_size: int,
    tactic: str,
    algorithm: str,
    predictor: str | None,
    population: int | None,
    training: int | None,
    warm_start: str,
    popdb: str | None,
    reduction: "Reduction",
    seed: int,
    executor: str | None,
    images: Path | None,
    image_limit: int | None,
    weights: str | None,
    new: bool,
    measuring: Measuring,
    as_json: bool,
) -> None:
    """Search SUPERNET for the sub-networks that are best on one configuration.

    Latency is measured for every sub-network that is evaluated: on this host, or by the daemons of
    the hosts that --config names a configuration of. Without --config the configuration is the one
    --threads, --batch-size and the other options describe. What --predict names is predicted from
    the store instead, so a machine that is away can be searched for. Interrupt it at any time: the
    same command continues where it stopped.
    """
    from contextlib import nullcontext

    from latbase.cli.here import Here
    from latbase.cli.searching import ImageOptions, run_search
    from latbase.db import queries
    from latbase.searcher import parse_objectives
    from latbase.searcher.fanning import Fan, executor_maker
    from latbase.searcher.popdb import Reduction
    from latbase.searcher.recipes import Recipe

    if images and executor:
        raise click.UsageError("--images validates in this process; leave out --executor.")
    if not images and (weights or image_limit):
        raise click.UsageError("--weights and --image-limit go with --images.")
    whole = ("threads", "batch_size", "precision", "engine", "memory_format", "input_size")
    if prefix and (beside := given(click.get_current_context(), *whole)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in beside)
        raise click.UsageError(f"--config names all of a configuration; leave out {names}.")
    if popdb is None and reduction != Reduction():
        raise click.UsageError("--popdb-threshold and its like go with --popdb SEARCH.")
    columns = parse_objectives(objectives, constraints)
    if images and "top1" not in {column.name for column in columns}:
        raise click.UsageError("--images validates top1, which is no objective of this search.")
    spread = Fan(executor_maker(executor), supernet) if executor else nullcontext()
    with only_results(), open_store(settings) as store, spread as fan:
        here = Here.of(settings, store, supernet, measuring)
        configuration = (
            queries.configuration(store, prefix)
            if prefix
            else here.configuration(threads, batch_size)
        )
        recipe = Recipe(
            objectives=tuple(columns),
            configuration_id=configuration.configuration_id,
            tactic=tactic,
            seed=seed,
            evaluations=evaluations,
            algorithm=algorithm,
            predictor=predictor,
            population=population,
            training=training,
            warm_start=warm_start,
            popdb=popdb,
            reduction=reduction,
            predicted=predicted,
        )
        shown = ImageOptions(folder=images, limit=image_limit, weights=weights) if images else None
        record = run_search(here, recipe, configuration, new=new, fan=fan, images=shown)
    ctx = click.get_current_context()
    from latbase.cli.front import front

    ctx.invoke(front, search_id=record.search_id, as_json=as_json)
    if not as_json:
        note(f"Again, with pictures: latbase front {record.search_id[:8]} --png F --html F")
    if predicted:
        note(
            f"Values of {', '.join(predicted)} are predicted. To have them measured or validated, "
            f"search without --predict and with --warm-start {record.search_id[:8]}."
        )


@click.command(epilog="Example: latbase searches --json")
@output_options
@click.pass_obj
def searches(settings: Settings, output: Output) -> None:
    """List the searches in the store, newest first."""
    from latbase.db import queries

    with open_store(settings, read_only=True) as store:
        show(queries.searches(store), output, empty="No searches yet; run latbase search.")

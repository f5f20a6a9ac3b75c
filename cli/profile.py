"""The profile command: measure sub-networks on this host."""

import itertools

import click

from latbase.cli.arguments import SEED, IntegerList, Measuring, measuring_options
from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, only_results, output_options, progress, show
from latbase.settings import Settings

SHOWN_FAILURES = 5


@click.command(
    epilog="Example: latbase profile ofa_mbv3_d234_e346_k357_w1.0 -n 100 --threads 1,2 "
    "--batch-size 1,8"
)
@click.argument("supernet")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Sub-networks per configuration.",
)
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Chooses which sub-networks.",
)
@click.option("--threads", type=IntegerList(), default="1", show_default=True)
@click.option("--batch-size", type=IntegerList(), default="1", show_default=True)
@click.option("--again", is_flag=True, help="Measure even what is measured already.")
@measuring_options
@output_options
@click.pass_obj
def profile(
    settings: Settings,
    supernet: str,
    count: int,
    seed: int,
    threads: tuple[int, ...],
    batch_size: tuple[int, ...],
    again: bool,
    measuring: Measuring,
    output: Output,
) -> None:
    """Measure sub-networks of SUPERNET on this host and store each as it is done.

    Interrupt it at any time: the same command continues where it stopped.
    """
    import pyarrow as pa

    from latbase import supernets
    from latbase.cli.here import Here

    rows = []
    with only_results(), open_store(settings) as store:
        genotypes = supernets.load(supernet).space.sample(count, seed)
        here = Here.of(settings, store, supernet, measuring)
        # All of them first: an impossible one must not be found after hours of measuring.
        for configuration in list(
            itertools.starmap(here.configuration, itertools.product(threads, batch_size))
        ):
            label = f"threads {configuration.threads}, batch {configuration.batch_size}"
            with progress(label, len(genotypes)) as advance:
                done = here.profile(genotypes, configuration, advance, again=again)
            for failure in done.failures[:SHOWN_FAILURES]:
                note(f"failed: {failure.reason}")
            rows.append(
                {
                    "configuration_id": configuration.configuration_id,
                    "threads": configuration.threads,
                    "batch_size": configuration.batch_size,
                    "known_before": done.known,
                    "measured": done.measured,
                    "failed": len(done.failures),
                }
            )
    show(pa.Table.from_pylist(rows), output)
    if any(row["failed"] for row in rows):
        raise click.exceptions.Exit(4)

"""Commands about the fleet: hosts, enqueue, jobs."""

from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import MOST, SEED, given
from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db import Store

STATUSES = ("queued", "claimed", "finished", "failed", "cancelled")


@click.command(epilog="Example: latbase hosts --json")
@output_options
@click.pass_obj
def hosts(settings: Settings, output: Output) -> None:
    """List the hosts: hardware, configurations, last heartbeat, queue and version."""
    from latbase.db import overview

    with open_store(settings, read_only=True) as store:
        found = overview.hosts(store)
    show(found, output, empty="No hosts yet; run latbase daemon run on each machine.")


@click.command(epilog="Example: latbase enqueue ofa_mbv3_d234_e346_k357_w1.0 -n 200 --all-hosts")
@click.argument("supernet")
@click.option("-n", "count", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Chooses which sub-networks.",
)
@click.option("--config", "prefixes", metavar="ID", multiple=True, help="On this configuration.")
@click.option("--host", "host", metavar="ID|NAME", help="On every configuration of this host.")
@click.option("--all-hosts", is_flag=True, help="On every configuration of every host.")
@click.option(
    "--priority",
    type=click.IntRange(-MOST, MOST),
    default=0,
    show_default=True,
    help="Higher goes first.",
)
@click.option("--again", is_flag=True, help="Even what is measured already.")
@output_options
@click.pass_obj
def enqueue(
    settings: Settings,
    supernet: str,
    count: int,
    seed: int,
    prefixes: tuple[str, ...],
    host: str | None,
    all_hosts: bool,
    priority: int,
    again: bool,
    output: Output,
) -> None:
    """Ask daemons to measure sub-networks of SUPERNET; latbase jobs shows how it goes."""
    import pyarrow as pa

    from latbase import supernets
    from latbase.db import queueing

    if bool(prefixes) + (host is not None) + all_hosts != 1:
        raise click.UsageError("choose one of --config, --host and --all-hosts.")
    network = supernets.load(supernet)
    genotypes = network.space.sample(count, seed)
    with open_store(settings) as store:
        rows = [
            {
                "configuration_id": configuration_id,
                "queued": queueing.enqueue(
                    store, network, genotypes, configuration_id, priority=priority, again=again
                ),
            }
            for configuration_id in _wanted(store, prefixes, host)
        ]
    show(pa.Table.from_pylist(rows), output)


def _wanted(store: "Store", prefixes: tuple[str, ...], host: str | None) -> list[str]:
    from latbase.db import queries, queueing

    if prefixes:
        return [queries.configuration_id(store, prefix) for prefix in prefixes]
    return queueing.configurations_of(store, host)


@click.group(
    invoke_without_command=True,
    epilog="Example: latbase jobs --status failed; latbase jobs cancel --all",
)
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--max-rows", type=click.IntRange(1, MOST), default=50, show_default=True)
@output_options
@click.pass_context
def jobs(ctx: click.Context, status: str | None, max_rows: int, output: Output) -> None:
    """List the jobs, newest first, with the reason of each failure."""
    if ctx.invoked_subcommand is not None:
        if status or output != Output() or given(ctx, "max_rows"):
            raise click.UsageError(
                f"options of jobs do not go with {ctx.invoked_subcommand}; name jobs by id, or "
                "give --search or --all behind it."
            )
        return
    from latbase.db import queueing

    settings = ctx.ensure_object(Settings)
    with open_store(settings, read_only=True) as store:
        found = queueing.jobs(store, status, max_rows)
        counts = queueing.counts(store)
    show(found, output, empty="No such jobs; run latbase enqueue.")
    note(", ".join(f"{count} {name}" for name, count in counts.items()) or "The queue is empty.")


@jobs.command(epilog="Example: latbase jobs cancel --search 3f2a")
@click.argument("job_ids", metavar="ID...", nargs=-1)
@click.option("--search", "search_id", metavar="ID", help="All jobs of this search.")
@click.option("--all", "everything", is_flag=True, help="All jobs that wait or are being done.")
@click.pass_obj
def cancel(
    settings: Settings, job_ids: tuple[str, ...], search_id: str | None, everything: bool
) -> None:
    """Call off jobs; what is already being measured is not stored as a job's result."""
    from latbase.db import queries, queueing

    if bool(job_ids) + (search_id is not None) + everything != 1:
        raise click.UsageError("name job ids, or give one of --search and --all.")
    with open_store(settings) as store:
        named = [queries.job_id(store, prefix) for prefix in job_ids]
        ids = named or queueing.open_jobs(store, search_id)
        click.echo(f"{store.jobs.cancel(ids)} jobs cancelled.")

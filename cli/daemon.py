"""The daemon of this host: run, install, uninstall, status."""

import dataclasses
from pathlib import Path

import click

from latbase.cli.output import json_out
from latbase.settings import Settings


@click.group(epilog="Example: latbase daemon run")
def daemon() -> None:
    """Measure the jobs of a store on this host, as long as it runs."""


@daemon.command(epilog="Example: latbase daemon run --store https://lab:8750 --token-file token")
@click.option("--store", metavar="PATH|URL", help="Instead of the store of latbase --store.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File holding the token for a service.",
)
@click.option(
    "--supernet",
    "sources",
    metavar="FILE.py:NAME",
    multiple=True,
    help="A super-network of your own that jobs may ask for; repeat it for more.",
)
@click.option(
    "--preset",
    type=click.Choice(["quick", "default", "thorough"]),
    default="default",
    show_default=True,
    help="How long to measure each sub-network.",
)
@click.option(
    "--poll-s",
    type=click.FloatRange(0.1, 3600),
    default=5.0,
    show_default=True,
    help="Seconds between looks for new jobs.",
)
@click.pass_obj
def run(
    settings: Settings,
    store: str | None,
    token_file: Path | None,
    sources: tuple[str, ...],
    preset: str,
    poll_s: float,
) -> None:
    """Claim jobs for this host, measure them, deliver the results; until Ctrl-C or SIGTERM.

    A file that nobody serves is opened and served to every other command on this machine. Events
    are written to stderr, one JSON object per line.
    """
    import signal
    import threading

    from latbase import profiler
    from latbase.profiler import daemon as daemons
    from latbase.profiler import journal, presence
    from latbase.profiler.link import Link

    target = store or settings.store
    journal.to_stderr()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    orders = daemons.Orders(
        state_dir=settings.state_dir,
        sources=tuple(map(absolute, sources)),
        preset=preset,
        poll_s=poll_s,
    )
    with presence.only_daemon(settings.state_dir, target) as present:
        link = Link(target, read_token(token_file or settings.token_file))
        found = profiler.fingerprint(settings.state_dir)
        daemons.Daemon(link, found, orders, present).run(stop)


@daemon.command(epilog="Example: latbase daemon status --json")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Say whether a daemon runs on this host, on which store, and what it has done."""
    from latbase.profiler import presence

    found = presence.running(settings.state_dir)
    if as_json:
        json_out({"running": found is not None} | (dataclasses.asdict(found) if found else {}))
    elif found is None:
        click.echo("No daemon runs on this host; start one with latbase daemon run.")
    else:
        click.echo(
            f"Process {found.pid} has worked for {found.store} since {found.since}: "
            f"{found.finished} jobs finished, {found.failed} failed, {found.measuring} in hand."
        )


def absolute(source: str) -> str:
    """Return ``file.py:Name`` so that it holds in any working directory."""
    path, _, name = source.rpartition(":")
    return f"{Path(path).resolve()}:{name}"


def read_token(file: Path | None) -> str | None:
    """Return the token in ``file``, if there is one."""
    if file is None:
        return None
    try:
        return file.expanduser().read_text().strip()
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or str(error)) from error

"""The daemon of this host: run, install, uninstall, status."""

import dataclasses
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli import freshness
from latbase.cli.freshness import KeepFresh, in_any_folder
from latbase.cli.opening import open_store
from latbase.cli.output import json_out
from latbase.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from latbase.cli.page.launching import Launcher
    from latbase.profiler.unit import Installed


@click.group(epilog="Example: latbase daemon run")
def daemon() -> None:
    """Measure the jobs of a store on this host, as long as it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The options of a daemon, as ``run`` takes and ``install`` keeps them.

    Attributes:
        store: path or URL.
        sources: supernets of the user, as ``file.py:Name``.
        policies: profiles to keep fresh.
    """

    store: str
    token_file: Path | None
    sources: tuple[str, ...]
    preset: str
    poll_s: float
    policies: tuple[KeepFresh, ...]

    def settings(self, settings: Settings) -> Settings:
        """Return ``settings`` with the store of these options."""
        return dataclasses.replace(settings, store=self.store, token_file=self.token_file)

    def arguments(self) -> list[str]:
        """Return the options as ``latbase daemon run`` and ``refresh`` take them."""
        token = ["--token-file", str(self.token_file)] if self.token_file else []
        sources = [word for source in self.sources for word in ("--supernet", source)]
        policies = [word for policy in self.policies for word in ("--keep-fresh", str(policy))]
        settings = ["--preset", self.preset, "--poll-s", f"{self.poll_s:g}"]
        return ["--store", self.store, *token, *sources, *policies, *settings]


def work_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a daemon, handed over as ``work: Work``; they hold in any directory."""

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
    @click.option(
        "--keep-fresh",
        "policies",
        metavar="SUPERNET:PERCENT",
        multiple=True,
        help="When idle, sample SUPERNET on this host's configurations until latency is predicted "
        "with less than PERCENT error. On a service elsewhere it needs an operator's token.",
    )
    @functools.wraps(command)
    def with_work(
        *args: object,
        store: str | None,
        token_file: Path | None,
        sources: tuple[str, ...],
        preset: str,
        poll_s: float,
        policies: tuple[str, ...],
        **kwargs: object,
    ) -> None:
        settings = click.get_current_context().find_object(Settings)
        assert settings is not None, "the main command sets it"
        token_file = token_file or settings.token_file
        work = Work(
            store=_absolute(store or settings.store),
            token_file=token_file.expanduser().resolve() if token_file else None,
            sources=tuple(map(in_any_folder, sources)),
            preset=preset,
            poll_s=poll_s,
            policies=tuple(map(KeepFresh.parse, policies)),
        )
        command(*args, work=work, **kwargs)

    return with_work


@daemon.command(epilog="Example: latbase daemon run --store https://lab:8750 --token-file token")
@work_options
@click.pass_obj
def run(settings: Settings, work: Work) -> None:
    """Claim jobs for this host, measure them, deliver the results; until Ctrl-C or SIGTERM.

    A file that nobody serves is opened and served to every other command on this machine. Events
    are written to stderr, one JSON object per line.
    """
    import signal
    import threading

    # Arrow keeps in a pool of its own what idling needs no more. Asked when it is imported: first.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from latbase import profiler
    from latbase.cli.page.launching import Launcher
    from latbase.profiler import daemon as daemons
    from latbase.profiler import journal, presence
    from latbase.profiler.link import Link

    journal.to_stderr()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    orders = daemons.Orders(
        state_dir=settings.state_dir,
        # Jobs of a policy are this host's too, so it must find the supernet.
        sources=(*work.sources, *(each.supernet for each in work.policies)),
        preset=work.preset,
        poll_s=work.poll_s,
        refill=freshness.Refill(work.arguments()) if work.policies else None,
    )
    launcher = Launcher(work.store)
    with presence.only_daemon(settings.state_dir, work.store) as present, launcher:
        link = Link(
            work.store,
            lambda: open_store(work.settings(settings)),
            lambda: _pages(launcher),
        )
        found = profiler.fingerprint(settings.state_dir)
        daemons.Daemon(link, found, orders, present).run(stop)


def _pages(launcher: "Launcher") -> "list[APIRouter]":
    """Return the dashboard; only a daemon that serves a file loads it."""
    from latbase.cli.page.router import dashboard

    return [dashboard(launcher)]


def scope_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--user`` and ``--system``, handed over as ``scope``."""
    return click.option(
        "--user/--system",
        "user",
        default=True,
        show_default=True,
        help="This user's service, or the machine's (as root).",
    )(command)


@daemon.command(epilog="Example: sudo latbase daemon install --system --store /var/lib/latbase.db")
@scope_option
@work_options
@click.pass_obj
def install(settings: Settings, work: Work, user: bool) -> None:
    """Keep a daemon running with systemd: from login on, or with --system from boot on."""
    from latbase.profiler import unit

    scope = unit.Scope.USER if user else unit.Scope.SYSTEM
    told = unit.install(scope, _environment(settings), work.arguments())
    click.echo(f"Wrote {told.unit}.")
    _tell(told)


@daemon.command(epilog="Example: latbase daemon uninstall --user")
@scope_option
def uninstall(user: bool) -> None:
    """Stop the daemon of systemd and remove its unit; store and state stay."""
    from latbase.profiler import unit

    told = unit.uninstall(unit.Scope.USER if user else unit.Scope.SYSTEM)
    _tell(told)
    click.echo(f"Removed {told.unit}.")


def _tell(told: "Installed") -> None:
    for command in told.done:
        click.echo(f"Ran {command}.")
    if told.left:
        click.echo(f"systemd did not answer ({told.reason}). Where it does, run:")
    for command in told.left:
        click.echo(f"  {command}")


@daemon.command(epilog="Example: latbase daemon refresh --keep-fresh ofa_resnet50:5")
@work_options
@click.pass_obj
def refresh(settings: Settings, work: Work) -> None:
    """Queue once what --keep-fresh lacks on this host; a running daemon does it by itself."""
    from latbase.profiler import journal

    journal.to_stderr()
    freshness.refresh(work.settings(settings), work.policies)


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


def _environment(settings: Settings) -> dict[str, str]:
    """Return the settings that no option of the daemon carries."""
    environment = {"LATBASE_STATE_DIR": str(settings.state_dir.absolute())}
    if settings.certificate is not None:
        environment["LATBASE_CERTIFICATE"] = str(settings.certificate.absolute())
    return environment


def _absolute(store: str) -> str:
    """Return a path so that it holds in any working directory; URLs stay as they are."""
    from latbase.db.store import POSTGRES, SERVICE

    if store.startswith((*SERVICE, *POSTGRES)):
        return store
    return str(Path(store).expanduser().absolute())

"""The ui command: the dashboard in a browser."""

import html
import signal
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.opening import read_token
from latbase.cli.output import note
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db.store import OwnedStore

STARTED_S = 10.0
"""How long a browser may take to start and read what it is to open."""


@click.command(epilog="Example: latbase ui --port 8400")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: any free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.pass_obj
def ui(settings: Settings, port: int, no_browser: bool) -> None:
    """Show the dashboard: fleet, coverage, latencies, searches and fronts, live.

    A store that a service already serves is shown by that service; otherwise this command serves
    the store to this machine until you press Ctrl-C, and other commands go on working with it.
    """
    from latbase.db import endpoint

    if settings.store.startswith(("http://", "https://")):
        token = read_token(settings.token_file)
        _show(settings.store.rstrip("/"), token, no_browser=no_browser)
        return
    path = Path(settings.store).expanduser()
    if served := endpoint.serving(path):
        _show(served.url, served.bearer, no_browser=no_browser)
        return
    if settings.store.startswith(("postgresql://", "postgres://")):
        raise click.UsageError("A store on PostgreSQL is shown by latbase serve --backend URL.")
    from latbase.db.duckdb_store import DuckDbStore

    with DuckDbStore(path) as store:
        _serve(store, settings.store, port, no_browser=no_browser)


def _serve(store: "OwnedStore", target: str, port: int, *, no_browser: bool) -> None:
    from latbase.cli.page.launching import Launcher
    from latbase.cli.page.router import dashboard
    from latbase.db.service.running import Service

    launcher = Launcher(target)
    with Service(store, port=port, routers=[dashboard(launcher)]) as service, launcher:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        shown = _shown(service.url, service.bearer, no_browser=no_browser)
        with suppress(KeyboardInterrupt), shown:
            note("Press Ctrl-C to stop.")
            service.wait()


def _show(service: str, token: str | None, *, no_browser: bool) -> None:
    """Show the page of a service that goes on without this command."""
    with suppress(KeyboardInterrupt), _shown(service, token, no_browser=no_browser):
        if not no_browser:
            time.sleep(STARTED_S)


@contextmanager
def _shown(service: str, token: str | None, *, no_browser: bool) -> Iterator[None]:
    """Print the address and open it; the browser must have read what it opens before the end.

    A token goes where browsers send it to nobody, and not into their command line, which everybody
    on this machine can read: they open a file that only this user can read and that leads on.
    """
    url = f"{service}/ui/" + (f"#token={token}" if token else "")
    click.echo(url)
    if no_browser:
        yield
        return
    with tempfile.NamedTemporaryFile("w", prefix="latbase-", suffix=".html") as page:
        page.write(f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">\n')
        page.flush()
        webbrowser.open(Path(page.name).as_uri())
        note("If no browser shows it, open the address yourself.")
        yield

"""The serve command: one store for many machines."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.output import note
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db.store import OwnedStore

PORT = 8750
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog="Example: latbase serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one"
)
@click.option("--tls-cert", type=FILE, help="Certificate chain, PEM.")
@click.option("--tls-key", type=FILE, help="Private key of the certificate, PEM.")
@click.option("--insecure", is_flag=True, help="Let others in without token or certificate.")
@click.option("--backend", metavar="URL", help="postgresql://… instead of a DuckDB file.")
@click.option(
    "--data",
    metavar="DIR|s3://…",
    help="Where a new store on PostgreSQL keeps its measurements.",
)
@click.pass_obj
def serve(
    settings: Settings,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
    backend: str | None,
    data: str | None,
) -> None:
    """Serve the store to other machines until Ctrl-C or SIGTERM, with the dashboard under /ui/.

    Listening beyond this machine needs a token (latbase token create) and a certificate. With
    --backend any number of these may serve one store.
    """
    from latbase.cli.page.launching import Launcher
    from latbase.cli.page.router import dashboard
    from latbase.db.service.running import Service, Tls

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together; give both or neither.")
    tls = Tls(certificate=tls_cert, key=tls_key) if tls_cert and tls_key else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    launcher = Launcher(backend or settings.store)
    routers = [dashboard(launcher)]
    with (
        _owned(settings, backend, data) as store,
        Service(
            store, host=host, port=port, tls=tls, insecure=insecure, routers=routers
        ) as service,
        launcher,
    ):
        click.echo(service.url)
        note(f"Serving {store.description}; Ctrl-C stops it.")
        try:
            service.wait()
        except KeyboardInterrupt:
            note("Stopping: requests in progress are finished.")


def _owned(settings: Settings, backend: str | None, data: str | None) -> "OwnedStore":
    """Open the store as its owner."""
    from latbase.db.duckdb_store import DuckDbStore

    if backend is not None:
        from latbase.db.postgres_store import PostgresStore

        return PostgresStore(backend, data)
    if data is not None:
        raise click.UsageError("--data is for --backend postgresql://…")
    if settings.store.startswith(("http://", "https://")):
        raise click.UsageError(f"{settings.store} is served already; --store names a file here.")
    return DuckDbStore(Path(settings.store).expanduser())

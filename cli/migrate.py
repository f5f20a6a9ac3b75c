"""The migrate command: move a store to another engine."""

from pathlib import Path

import click

from latbase.cli.opening import read_token
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings


@click.command(
    epilog="Example: latbase migrate --from latency.duckdb --to postgresql://latbase@db/latbase "
    "--data /srv/latbase"
)
@click.option(
    "--from", "source", required=True, metavar="PATH|URL", help="Store to copy; it stays as it is."
)
@click.option("--to", "target", required=True, metavar="PATH|URL", help="Store to copy into.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the measurements of a new store on PostgreSQL.",
)
@output_options
@click.pass_obj
def migrate(
    settings: Settings, source: str, target: str, data: Path | None, output: Output
) -> None:
    """Copy a store into another and prove by counts and checksums that everything arrived.

    Daemons may keep measuring: run it again for what came meanwhile. Jobs and tokens stay where
    they are. --token-file is for the side that is a service.
    """
    import pyarrow as pa

    from latbase import db
    from latbase.db import moving

    token, trusted = read_token(settings.token_file), settings.certificate
    with (
        db.connect(source, read_only=True, token=token, certificate=trusted) as old,
        db.connect(target, token=token, certificate=trusted, data=data) as new,
    ):
        rows = []
        for moved in moving.move(old, new):
            note(f"{moved.table}: {moved.rows} rows")
            rows.append(
                {"table": moved.table, "rows": moved.rows, "checksum": f"{moved.checksum:016x}"}
            )
    show(pa.Table.from_pylist(rows), output)

"""The migrate command: move a store to another engine."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, cast

import click

from latbase.cli.opening import read_token
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.db.moving import Moved
    from latbase.db.store import OwnedStore


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
    metavar="DIR|s3://…",
    help="Where a new store on PostgreSQL keeps its measurements.",
)
@output_options
@click.pass_obj
def migrate(settings: Settings, source: str, target: str, data: str | None, output: Output) -> None:
    """Copy a store into another and prove by counts and checksums that everything arrived.

    Daemons may keep measuring: run it again for what came meanwhile. Jobs that wait are queued
    there too. Tokens move between stores that no service has open; otherwise make new ones.
    --token-file is for the side that is a service.
    """
    import pyarrow as pa

    from latbase import db
    from latbase.db import moving
    from latbase.db.client import HttpStore

    token, trusted = read_token(settings.token_file), settings.certificate
    with (
        db.connect(source, read_only=True, token=token, certificate=trusted) as old,
        db.connect(target, token=token, certificate=trusted, data=data) as new,
    ):
        rows = []
        services = [store for store in (old, new) if isinstance(store, HttpStore)]
        for moved in chain(moving.move(old, new), () if services else _tokens(old, new)):
            note(f"{moved.table}: {moved.rows} rows")
            rows.append(
                {"table": moved.table, "rows": moved.rows, "checksum": f"{moved.checksum:016x}"}
            )
        for service in services:
            note(
                f"Tokens did not move: {service.description} is open in a service. Stop it and run "
                "the same again, or make new ones with latbase token create."
            )
    show(pa.Table.from_pylist(rows), output)


def _tokens(old: "Store", new: "Store") -> "Iterator[Moved]":
    """Move them last, when everything their bearers may ask for is there."""
    from latbase.db import moving

    yield moving.move_tokens(cast("OwnedStore", old), cast("OwnedStore", new))

"""Commands that move and keep data: export, import, merge, backup, check, restore."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import given
from latbase.cli.opening import open_store, read_token
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.db.foreign import LatencyColumns
    from latbase.db.records import Record
    from latbase.db.transfer import Filter

DIRECTORY = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOREIGN = ("supernet", "device_name", "batch_size", "latency", "unit_ms", "columns")
"""Options that say what a foreign file holds."""

MANY = 100
"""Failing files shown one by one."""


@click.command(epilog="Example: latbase export lab --supernet ofa_resnet50")
@click.argument("directory", type=DIRECTORY)
@click.option("--supernet", "supernets", metavar="NAME", multiple=True, help="Only this supernet.")
@click.option("--config", "prefixes", metavar="ID", multiple=True, help="Only this configuration.")
@output_options
@click.pass_obj
def export(
    settings: Settings,
    directory: Path,
    supernets: tuple[str, ...],
    prefixes: tuple[str, ...],
    output: Output,
) -> None:
    """Write the store, or a part of it, as Parquet files into the new DIRECTORY."""
    from latbase.db import transfer

    with open_store(settings, read_only=True) as store:
        _counts(transfer.export(store, directory, _filter(store, supernets, prefixes)), output)


def _filter(store: "Store", supernets: tuple[str, ...], prefixes: tuple[str, ...]) -> "Filter":
    from latbase.db import queries, transfer

    return transfer.Filter(
        supernet_ids=[each for name in supernets for each in queries.supernet_ids(store, name)],
        configuration_ids=[queries.configuration_id(store, prefix) for prefix in prefixes],
    )


@click.command(
    name="import",
    epilog="Example: latbase import lab; latbase import --format csv --supernet "
    "ofa_mbv3_d234_e346_k357_w1.0 --device-name 'Pixel 4' --latency lat_ms --column ks=kernel "
    "--column e=expand --column d=depth pixel4.csv",
)
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["latbase", "dynast", "csv", "parquet"]),
    default="latbase",
    show_default=True,
    help="latbase: a directory of latbase export; dynast: result files of DyNAS-T.",
)
@click.option("--supernet", help="Whose sub-networks a foreign file holds.")
@click.option("--device-name", help="Device a latency table was measured on.")
@click.option("--batch-size", type=click.IntRange(1), default=1, show_default=True)
@click.option("--latency", metavar="COLUMN", help="Column of the latency.")
@click.option(
    "--unit-ms",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Milliseconds of its unit.",
)
@click.option(
    "--column",
    "columns",
    metavar="PARAMETER=COLUMN",
    multiple=True,
    help="Column of a parameter such as ks=kernel; or COLUMN alone, of whole configs as JSON.",
)
@output_options
@click.pass_obj
def import_(
    settings: Settings,
    paths: tuple[Path, ...],
    kind: str,
    supernet: str | None,
    device_name: str | None,
    batch_size: int,
    latency: str | None,
    unit_ms: float,
    columns: tuple[str, ...],
    output: Output,
) -> None:
    """Add to the store what was exported, or what other tools measured; twice is once."""
    from latbase import supernets
    from latbase.db import foreign, transfer

    if kind == "latbase":
        if foreign_options := given(click.get_current_context(), *FOREIGN):
            names = ", ".join(f"--{name.replace('_', '-')}" for name in foreign_options)
            raise click.UsageError(f"{names} go with --format dynast, csv or parquet.")
        counts = Counter[str]()
        with open_store(settings) as store:
            for path in paths:
                counts.update(transfer.import_directory(store, path))
        _counts(counts, output)
        return
    if supernet is None:
        raise click.UsageError(f"--format {kind} needs --supernet.")
    network = supernets.load(supernet)

    def records(path: Path) -> "list[Record]":
        if kind == "dynast":
            return foreign.read_dynast(path, network)
        if device_name is None:
            raise click.UsageError(f"--format {kind} needs --device-name.")
        mapped = _columns(latency, columns, unit_ms)
        return foreign.read_latencies(
            path, network, mapped, device_name=device_name, batch_size=batch_size
        )

    read = [(path, records(path)) for path in paths]
    counts = Counter[str]()
    with open_store(settings) as store:
        for path, found in read:
            store.write(found)
            counts.update(type(record).__name__.lower() for record in found)
            note(f"{path}: {len(found)} records.")
    _counts(counts, output)


def _columns(latency: str | None, columns: tuple[str, ...], unit_ms: float) -> "LatencyColumns":
    from latbase.db.foreign import WHOLE, LatencyColumns

    if latency is None or not columns:
        raise click.UsageError("latency tables need --latency COLUMN and --column (see --help).")
    pairs = [each.rpartition("=") for each in columns]
    return LatencyColumns(
        latency=latency,
        config={parameter or WHOLE: column for parameter, _, column in pairs},
        unit_ms=unit_ms,
    )


@click.command(epilog="Example: latbase merge other.duckdb")
@click.argument("other", metavar="PATH|URL")
@output_options
@click.pass_obj
def merge(settings: Settings, other: str, output: Output) -> None:
    """Add everything in the store OTHER to this one: nothing is lost, nothing doubled."""
    from latbase import db
    from latbase.db import transfer

    token = read_token(settings.token_file)
    trusted = settings.certificate
    with (
        db.connect(other, read_only=True, token=token, certificate=trusted) as source,
        open_store(settings) as store,
    ):
        _counts(transfer.merge(store, source), output)


@click.command(epilog="Example: latbase backup latency-2026-05-01.duckdb")
@click.argument("target", type=FILE)
@click.pass_obj
def backup(settings: Settings, target: Path) -> None:
    """Write the whole store, as of one moment, to the new file TARGET; others keep working."""
    with open_store(settings) as store:
        store.backup(target)
    click.echo(f"Backup of {settings.store} written to {target}.")


@click.command(epilog="Example: latbase check")
@click.pass_obj
def check(settings: Settings) -> None:
    """Read everything in the store and say what is wrong with it."""
    from latbase.db import upkeep
    from latbase.errors import StoreError

    with open_store(settings, read_only=True) as store:
        problems = upkeep.check(store)
    for problem in problems[:MANY]:
        click.echo(problem)
    if problems:
        raise StoreError(f"{settings.store} has {len(problems)} problems; restore a backup.")
    click.echo(f"{settings.store} is sound.")


@click.command(epilog="Example: latbase restore latency-2026-05-01.duckdb")
@click.argument("source", metavar="BACKUP", type=FILE)
@click.pass_obj
def restore(settings: Settings, source: Path) -> None:
    """Put BACKUP in the place of the store, which is kept beside it."""
    from latbase.db import upkeep
    from latbase.db.store import POSTGRES, SERVICE

    if settings.store.startswith((*SERVICE, *POSTGRES)):
        raise click.UsageError("restore works where the file is; --store names the file.")
    kept = upkeep.restore(source, Path(settings.store).expanduser())
    click.echo(f"{settings.store} is now {source}." + (f" Before: {kept}." if kept else ""))


def _counts(counts: Mapping[str, int], output: Output) -> None:
    import pyarrow as pa

    rows = [{"table": name, "rows": rows} for name, rows in counts.items()]
    show(pa.Table.from_pylist(rows), output)

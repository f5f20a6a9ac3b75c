"""The export-network command: take a sub-network away as files."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import Measuring
from latbase.cli.opening import open_store
from latbase.cli.output import json_out, show_rows
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.cli.exporting import Record
    from latbase.searcher import results

FORMATS = ("config", "state_dict", "torchscript", "torch_export", "onnx")


class FormatList(click.ParamType[tuple[str, ...]]):
    """Names of formats separated by commas."""

    name = "NAME[,NAME...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Check every name."""
        names = tuple(str(value).split(","))
        if unknown := set(names) - set(FORMATS):
            self.fail(
                f"there is no format {', '.join(sorted(unknown))}; there are {', '.join(FORMATS)}.",
                param,
                ctx,
            )
        return names


class Percent(click.ParamType[float]):
    """A share such as ``1%``."""

    name = "P%"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number before the sign."""
        if not re.fullmatch(r"\d+(\.\d+)?%?", str(value)):
            self.fail(f"{value!r} is no share such as 1%.", param, ctx)
        return float(str(value).rstrip("%"))


@click.command(
    epilog="Example: latbase export-network latest --pick fastest-within 1% -o my-network"
)
@click.argument("search_id", metavar="[SEARCH]", required=False)
@click.option(
    "--pick",
    type=(click.Choice(["fastest-within"]), Percent()),
    metavar="fastest-within P%",
    help="The fastest of the front whose accuracy is at most P per cent of the best one's below "
    "it (76.0 and 1%: from 75.24 on).",
)
@click.option("--id", "subnet", metavar="ID", help="This sub-network; SEARCH may be left out.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Directory to write.",
)
@click.option("--supernet", help="What its supernet loads by, where that is not its name.")
@click.option(
    "--weights",
    metavar="FILE|URL|pretrained",
    help="Trained weights of the supernet; pretrained downloads what its authors publish.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Recalibrate batch normalisation on these, as latbase search --images does.",
)
@click.option("--image-limit", type=click.IntRange(1), metavar="N", help="As the search had it.")
@click.option(
    "--formats",
    type=FormatList(),
    help=f"Of {', '.join(FORMATS)}; the first two are always written. [default: all whose "
    "packages are installed]",
)
@click.option(
    "--config",
    "prefix",
    metavar="ID",
    help="Configuration to measure on. [default: the search's; else one thread, batch size 1]",
)
@click.option(
    "--preset",
    type=click.Choice(["quick", "default", "thorough"]),
    default="default",
    show_default=True,
    help="How long to measure.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Per cent by which the latency may differ from the stored one.",
)
@click.option("--skip-latency", is_flag=True, help="Do not measure its latency again.")
@click.option("--force", is_flag=True, help="Replace an earlier export in DIR.")
@click.option("--json", "as_json", is_flag=True, help="Write what subnet.json says.")
@click.pass_obj
def export_network(
    settings: Settings,
    search_id: str | None,
    pick: tuple[str, float] | None,
    subnet: str | None,
    folder: Path,
    supernet: str | None,
    weights: str | None,
    images: Path | None,
    image_limit: int | None,
    formats: tuple[str, ...] | None,
    prefix: str | None,
    preset: str,
    tolerance: float,
    skip_latency: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a sub-network of SEARCH as files that other programs load.

    Every file is read back and its output compared with the sub-network's; the latency of the
    weights as written is measured again and compared with the stored one. DIR appears only when all
    of it agrees.
    """
    if (pick is None) == (subnet is None):
        raise click.UsageError("choose one of --pick and --id.")
    if search_id is None and subnet is None:
        raise click.UsageError("--pick needs the search to pick from.")
    if image_limit and not images:
        raise click.UsageError("--image-limit goes with --images.")
    from latbase.cli import exporting
    from latbase.cli.here import Here
    from latbase.db import queries
    from latbase.supernets.accuracy.image_folder import ImageFolder
    from latbase.supernets.exporting import available

    with (
        exporting.new_folder(folder, force=force) as draft,
        open_store(settings, read_only=skip_latency) as store,
    ):
        parcel = (
            exporting.from_search(store, search_id, _choice(pick, subnet))
            if search_id
            else exporting.from_store(store, str(subnet))
        )
        wanted = queries.configuration(store, prefix) if prefix else parcel.configuration
        here = Here.of(
            settings,
            store,
            supernet or queries.supernet_name(store, parcel.subnet.supernet_id),
            Measuring(device=wanted.device if wanted else "cpu", preset=preset),
        )
        if weights is not None:
            here = here.with_weights(weights)
        record = exporting.write(
            here,
            parcel,
            wanted or here.configuration(threads=1, batch_size=1),
            draft,
            [name for name in formats or available() if name != "config"],
            None if skip_latency else tolerance,
            ImageFolder(net=here.network, folder=images, limit=image_limit) if images else None,
        )
    if as_json:
        json_out(record)
    else:
        _show(record, folder)


def _choice(
    pick: tuple[str, float] | None, prefix: str | None
) -> "Callable[[results.Results], results.Member]":
    from latbase.searcher import picking

    if pick is not None:
        return partial(picking.fastest_within, percent=pick[1])
    return partial(picking.by_id, prefix=str(prefix))


def _show(record: "Record", folder: Path) -> None:
    rows = [list(written.values()) for written in record["files"]]
    show_rows(["format", "file", "size_bytes", "difference"], rows, f"Written to {folder}")
    for name, value in record["objectives"].items():
        click.echo(f"{name}: {value['value']:.6g} ({value['source']})")
    again = record["latency"]
    if again["again_ms"] is None:
        click.echo("Its latency was not measured again.")
    elif again["stored_ms"] is None:
        click.echo(f"Its latency is {again['again_ms']:.4g} ms ({again['verdict']}).")
    else:
        click.echo(
            f"Its latency was {again['stored_ms']:.4g} ms and, measured again from the written "
            f"weights, is {again['again_ms']:.4g} ms ({again['verdict']})."
        )
    click.echo(f"Weights: {record['weights']}.")

"""The supernets command."""

from typing import TYPE_CHECKING

import click

from latbase.cli.output import Output, note, output_options, show
from latbase.errors import SupernetError

if TYPE_CHECKING:
    from latbase.supernets import Supernet


@click.command(epilog="Example: latbase supernets --check path/to/file.py:Name")
@click.option("--check", "checked", metavar="NAME", help="Build and run a few of its sub-networks.")
@output_options
def supernets(checked: str | None, output: Output) -> None:
    """List the supernets that can be profiled and searched; or hold one to its contract."""
    import pyarrow as pa

    from latbase.supernets import check, load, names

    if checked is not None:
        for line in check(load(checked)):
            click.echo(line)
        return
    rows = []
    for name in names():
        try:
            rows.append(_row(load(name)))
        except SupernetError as error:  # one broken package must not hide the others
            note(f"{name}: {error}")
    show(pa.Table.from_pylist(rows), output)


def _row(net: "Supernet") -> dict[str, object]:
    from latbase.supernets.supernet import NOTHING_TO_BUILD

    built = net.default_input_size != NOTHING_TO_BUILD
    smallest, largest = (
        round(int(net.costs(g)[0, 0]) / 1e6, 1) if built else None
        for g in (net.space.smallest(), net.space.largest())
    )
    return {
        "supernet": net.name,
        "parameters": net.space.p,
        "subnets": f"{net.space.size:.2e}",
        "min_mmacs": smallest,
        "max_mmacs": largest,
        "input_size": net.default_input_size if built else None,
    }

"""The front command: the best sub-networks of a search."""

from pathlib import Path

import click

from latbase.cli.opening import open_store
from latbase.cli.output import json_out, note, show_rows
from latbase.settings import Settings


@click.command(epilog="Example: latbase front latest --png front.png --html front.html")
@click.argument("search_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Write configs and values as JSON.")
@click.option(
    "--png",
    "picture_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the front (.png, .svg or .pdf).",
)
@click.option(
    "--html",
    "page_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write one self-contained page.",
)
@click.pass_obj
def front(
    settings: Settings,
    search_id: str,
    as_json: bool,
    picture_path: Path | None,
    page_path: Path | None,
) -> None:
    """Show the best sub-networks of the search ID (or its first characters, or: latest)."""
    from latbase.searcher import results
    from latbase.searcher.analytics import front as drawing

    with open_store(settings, read_only=True) as store:
        found = results.load(store, search_id)
    if picture_path:
        drawing.picture(found.view(), picture_path)
        note(f"Picture written to {picture_path}")
    if page_path:
        drawing.write_page(found.view(), page_path)
        note(f"Page written to {page_path}")
    members = found.members()
    if as_json:
        json_out(members)
        return
    show_rows(
        [*found.axes, "subnet_id"],
        [[*member["values"].values(), member["subnet_id"]] for member in members],
        found.title,
    )
    for remark in found.remarks():
        click.echo(remark)

"""Commands about this host: fingerprint."""

import dataclasses

import click

from latbase.cli.output import json_out, show_rows


@click.command(epilog="Example: latbase fingerprint --json")
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON.")
@click.pass_obj
def fingerprint(_settings: object, as_json: bool) -> None:
    """Show what this host is: hardware (the hashed fields), environment, effective CPUs."""
    from latbase.profiler import fingerprint as take

    found = take()
    if as_json:
        json_out(dataclasses.asdict(found))
        return
    click.echo(f"hardware    {found.hardware.hardware_id}")

"""Commands about this host: fingerprint."""

import dataclasses

import click

from latbase.cli.output import json_out, note, show_rows
from latbase.settings import Settings


@click.command(epilog="Example: latbase fingerprint --json")
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON.")
@click.option("--explain", is_flag=True, help="Say where each hashed fact was read.")
@click.pass_obj
def fingerprint(settings: Settings, as_json: bool, explain: bool) -> None:
    """Show what this host is: hardware (the hashed fields), environment, effective CPUs."""
    from latbase import profiler

    found = profiler.fingerprint(settings.state_dir)
    if as_json:
        document = dataclasses.asdict(found) | {"effective_cpus": found.effective_cpus}
        json_out(document)
        return
    for title, identity, facts in (
        ("Hardware", found.hardware.hardware_id, found.hardware.facts),
        ("Environment", found.environment.environment_id, found.environment.facts),
    ):
        source = {fact.name: fact.source for fact in found.explanation}
        rows = [
            [name, value, source[name]] if explain else [name, value]
            for name, value in facts.items()
        ]
        columns = (
            ["field (hashed)", "value", "read from"] if explain else ["field (hashed)", "value"]
        )
        show_rows(columns, rows, f"{title} {identity}")
        click.echo()
    click.echo(f"Host {found.host.host_name} ({found.host.host_id}), not hashed.")
    click.echo(f"Effective CPUs: {found.effective_cpus}.")
    for remark in found.notes:
        note(f"Note: {remark}")

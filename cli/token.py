"""Commands about tokens: create, list, revoke."""

import re
from datetime import timedelta

import click

from latbase.cli.opening import open_store
from latbase.cli.output import Output, json_out, note, output_options, show
from latbase.settings import Settings

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Duration(click.ParamType[timedelta]):
    """A time such as ``12h`` or ``30d``."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Parse ``value``."""
        found = re.fullmatch(r"([1-9]\d{0,3})([mhdw])", str(value))
        if found is None:
            self.fail(f"{value!r} is no time such as 45m, 12h, 30d or 8w.", param, ctx)
        return timedelta(**{UNITS[found[2]]: int(found[1])})


@click.group(epilog="Example: latbase token create --role host --name gpu-box > token")
def token() -> None:
    """Say who may use a service of this store."""


@token.command(epilog="Example: latbase token create --role host --name gpu-box > token")
@click.option(
    "--role",
    type=click.Choice(["reader", "host", "operator"]),
    required=True,
    help="reader: ask; host: also measure; operator: also queue jobs, search, manage tokens.",
)
@click.option("--name", default="", help="What it is for, to tell it from others.")
@click.option(
    "--expires", "valid_for", type=Duration(), help="Such as 12h or 30d. [default: never]"
)
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
@click.pass_obj
def create(
    settings: Settings, role: str, name: str, valid_for: timedelta | None, as_json: bool
) -> None:
    """Make a token and print it, once: the store keeps only its hash."""
    from latbase.db.tokens import Role

    with open_store(settings) as store:
        made = store.tokens.create(name, Role(role), valid_for=valid_for)
    if as_json:
        json_out({"token_id": made.token.token_id, "role": role, "token": made.bearer})
        return
    click.echo(made.bearer)
    note(f"Token {made.token.token_id} of role {role}; it is not shown again.")


@token.command(name="list", epilog="Example: latbase token list --json")
@output_options
@click.pass_obj
def list_(settings: Settings, output: Output) -> None:
    """List the tokens, without their secrets."""
    import dataclasses

    import pyarrow as pa

    with open_store(settings) as store:
        rows = [dataclasses.asdict(each) for each in store.tokens.all()]
    show(pa.Table.from_pylist(rows), output, empty="No tokens yet; run latbase token create.")


@token.command(epilog="Example: latbase token revoke 3f2a")
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(settings: Settings, token_id: str) -> None:
    """End the token whose id starts with ID; whoever uses it is refused from now on."""
    with open_store(settings) as store:
        ended = store.tokens.revoke(token_id)
    click.echo(f"Token {ended.token_id} ({ended.name or ended.role}) is revoked.")

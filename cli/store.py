"""Commands that ask the store: query, configs, coverage."""

import click

from latbase.cli.opening import open_store
from latbase.cli.output import Output, output_options, show
from latbase.errors import InvalidInputError
from latbase.settings import Settings


@click.command(
    epilog='Example: latbase query "SELECT supernet, count(*) FROM latency GROUP BY ALL"'
)
@click.argument("sql")
@click.option("--max-rows", type=click.IntRange(1), help="Stop after so many rows.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), help="Seconds it may take."
)
@output_options
@click.pass_obj
def query(
    settings: Settings, sql: str, max_rows: int | None, timeout_s: float | None, output: Output
) -> None:
    """Ask the store anything in SQL (read-only).

    Everyday views are latency, front and coverage; SHOW TABLES lists everything.
    """
    try:
        sql.encode()
    except UnicodeEncodeError as error:  # bytes of the command line that are no UTF-8
        raise InvalidInputError(f"The SQL is no text in UTF-8: {sql!a}.") from error
    with open_store(settings, read_only=True) as store:
        show(store.query(sql, max_rows=max_rows, timeout_s=timeout_s), output)


@click.command(epilog="Example: latbase configs --json")
@output_options
@click.pass_obj
def configs(settings: Settings, output: Output) -> None:
    """List the configurations in the store, with how much was measured on each."""
    from latbase.db import queries

    with open_store(settings, read_only=True) as store:
        show(
            queries.configurations(store),
            output,
            empty="No configurations yet; run latbase profile.",
        )


@click.command(epilog="Example: latbase coverage")
@output_options
@click.pass_obj
def coverage(settings: Settings, output: Output) -> None:
    """Show which supernet is profiled on which configuration, and how well."""
    with open_store(settings, read_only=True) as store:
        show(
            store.query("SELECT * FROM coverage"),
            output,
            empty="Nothing is measured yet; run latbase profile.",
        )

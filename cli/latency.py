"""The latency command: measured where it was, predicted where it was not."""

import json

import click

from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, output_options, show
from latbase.settings import Settings


@click.command(epilog="Example: latbase latency ofa_mbv3_d234_e346_k357_w1.0 --config 3fa2 --json")
@click.argument("supernet")
@click.option("--config", "prefix", metavar="ID", help="Only this configuration.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="JSON",
    help="A sub-network config to look up; repeat it. [default: all the store knows]",
)
@output_options
@click.pass_obj
def latency(
    settings: Settings, supernet: str, prefix: str | None, networks: tuple[str, ...], output: Output
) -> None:
    """Show the latency of sub-networks on each configuration: measured, else predicted.

    A predicted value comes from a ridge on what was measured there; spread_ms says how far off the
    truth it is likely to be.
    """
    from latbase import supernets
    from latbase.db import queries
    from latbase.searcher import lookup

    network = supernets.load(supernet)
    wanted = network.space.from_configs([_config(text) for text in networks]) if networks else None
    with open_store(settings, read_only=True) as store:
        chosen = (
            [queries.configuration_id(store, prefix)]
            if prefix
            else queries.configurations(store)["configuration_id"].to_pylist()
        )
        table, unpredicted = lookup.latencies(store, network, chosen, wanted)
    for configuration in unpredicted:
        note(f"{configuration}: too few measurements to predict the rest; run latbase profile.")
    show(table, output, empty=f"No latency of {supernet} is known here; run latbase profile.")


def _config(text: str) -> dict[str, object]:
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"{text!r} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise click.BadParameter(f'{text!r} is no JSON object such as {{"d": [2, …], …}}.')
    return config

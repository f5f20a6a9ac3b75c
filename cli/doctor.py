"""The doctor command: how good this host is for measuring, and what would make it better."""

import dataclasses
from typing import TYPE_CHECKING

import click

from latbase.cli.output import json_out, note, progress
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase import profiler


@click.command(epilog="Example: latbase doctor --self-test ofa_mbv3_d234_e346_k357_w1.0")
@click.option(
    "--self-test",
    "supernet",
    metavar="SUPERNET",
    help="Measure sub-networks of it twice and compare; takes a minute or two.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(2),
    default=60,
    show_default=True,
    help="Sub-networks of the self-test.",
)
@click.option("--input-size", type=click.IntRange(1), help="Pixels or tokens of the self-test.")
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON.")
@click.pass_obj
def doctor(
    settings: Settings, supernet: str | None, count: int, input_size: int | None, as_json: bool
) -> None:
    """Say what could be better on this host for measuring; nothing on it is changed."""
    from latbase import profiler

    found = profiler.fingerprint(settings.state_dir)
    test = _self_test(settings, found, supernet, count, input_size) if supernet else None
    advice = profiler.advise(
        found, profiler.conditions_now(found), test.scheduling if test else None
    )
    if as_json:
        json_out(
            {
                "self_test": dataclasses.asdict(test) if test else None,
                "advice": [dataclasses.asdict(each) for each in advice],
            }
        )
        return
    if test is not None:
        _show(test)
    for each in advice:
        click.echo(f"* {each.finding}\n  Change: {each.change}\n  Gain: {each.gain}")
    if not advice:
        click.echo("Nothing to improve was found.")
    if test is None:
        note("How well measurements repeat here, latbase doctor --self-test SUPERNET tells.")


def _self_test(
    settings: Settings,
    found: "profiler.Fingerprint",
    supernet: str,
    count: int,
    input_size: int | None,
) -> "profiler.Repeatability":
    from latbase import profiler, supernets
    from latbase.db.records import Configuration

    network = supernets.load(supernet)
    configuration = Configuration.of(
        hardware_id=found.hardware.hardware_id, input_size=input_size or network.default_input_size
    )
    with progress("measuring everything twice", 2 * count) as advance:
        return profiler.self_test(
            network,
            configuration,
            fingerprint=found,
            state_dir=settings.state_dir,
            count=count,
            loads_as=supernet,
            on_progress=lambda done, _: advance(done),
            on_event=note,
        )


def _show(test: "profiler.Repeatability") -> None:
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in test.verdicts.items())
    click.echo(
        f"Two passes over the same sub-networks rank them with Kendall's τ {test.kendall_tau:.3f}; "
        f"a sub-network differs by {test.difference_percent:.2f} % between them (median), and "
        f"{test.covered:.0%} of the first intervals (± {test.interval_percent:.2f} %) hold the "
        f"second value.\nVerdicts: {verdicts}. Priority: {test.scheduling}. "
        f"{test.seconds_per_subnet:.2f} s per sub-network.\n"
    )

"""The quickstart command: from nothing to the best sub-networks of this very machine."""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.arguments import Measuring
from latbase.cli.opening import open_store
from latbase.cli.output import progress, show_rows
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.cli.here import Here
    from latbase.db.records import Configuration
    from latbase.db.records import Search as SearchRecord
    from latbase.searcher.results import Member

SUPERNET = "ofa_mbv3_d234_e346_k357_w1.0"
TOLERANCE_POINTS = 1.0
"""How much predicted top-1, in percentage points, the headline's sub-network may give up."""

SHOWN = 12


@click.command(epilog="Example: latbase --store demo.duckdb quickstart --out demo")
@click.option("--supernet", default=SUPERNET, show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("latbase-quickstart"),
    show_default=True,
    help="Folder for the pictures.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(15),
    default=50,
    show_default=True,
    help="Sub-networks to measure before searching.",
)
@click.option("--evaluations", type=click.IntRange(5), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.pass_obj
def quickstart(
    settings: Settings, supernet: str, out: Path, count: int, evaluations: int, seed: int
) -> None:
    """Measure this host, search, and show its best sub-networks (about ten minutes)."""
    from latbase import supernets
    from latbase.cli.here import Here

    network = supernets.load(supernet)
    top1 = network.top1_predictor
    if top1 is None:
        raise click.UsageError(
            f"quickstart needs a supernet with a top-1 predictor, such as {SUPERNET}; "
            "use latbase profile and latbase search for others."
        )
    measuring = Measuring(
        device="cpu",
        precision="fp32",
        engine="eager",
        memory_format="contiguous",
        input_size=None,
        preset="default",
    )
    _make_writable(out)
    with open_store(settings) as store:
        here = Here.of(settings, store, supernet, measuring)
        configuration = here.configuration(threads=1, batch_size=1)
        _introduce(here, configuration)
        _measure(here, configuration, count, seed)
        _judge_predictor(here, configuration)
        record = _search(here, configuration, evaluations, seed)
        _report(here, configuration, record, out)
    _next_steps(settings, supernet, record)


def _make_writable(out: Path) -> None:
    """Find out now, not after ten minutes of measuring, that no picture can be drawn there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise click.BadParameter(
            f"{out} cannot be written ({error.strerror}); name another folder.",
            param_hint="--out",
        ) from error


def _say(text: str = "") -> None:
    click.echo(text)


def _introduce(here: "Here", configuration: "Configuration") -> None:
    found = here.fingerprint
    _say(
        f"This host: {found.hardware.facts['cpu_brand']}, {found.effective_cpus} usable CPUs "
        f"(hardware id {found.hardware.hardware_id})."
    )
    for remark in found.notes:
        _say(f"  Note: {remark}")
    _say(
        f"{here.network.name} holds {here.network.space.size:.1e} sub-networks. "
        "Which are best here, at one thread and batch size 1?"
    )
    _say(f"Configuration {configuration.configuration_id} in {here.settings.store}.\n")


def _measure(here: "Here", configuration: "Configuration", count: int, seed: int) -> None:
    import numpy as np

    space = here.network.space
    genotypes = np.vstack([space.smallest(), space.largest(), space.sample(count, seed)])
    _say(f"1. Measuring the smallest, the largest and {count} random sub-networks.")
    with progress("measured", len(genotypes)) as advance:
        done = here.profile(genotypes, configuration, advance)
    _say(f"   {done.measured} measured, {done.known} known before, {len(done.failures)} failed.\n")


def _judge_predictor(here: "Here", configuration: "Configuration") -> None:
    from latbase.searcher import catalogue

    data = catalogue.training_data(here.store, here.network, configuration.configuration_id)
    scores = catalogue.assess(here.store, data, "ridge")
    _say("2. Can latency be predicted from these? Each is predicted from the others:")
    _say(
        f"   Kendall tau {scores.kendall_tau:.2f} (1 is a perfect ranking), mean error "
        f"{scores.mape_percent:.1f} %, on {scores.n_train} sub-networks.\n"
    )


def _search(
    here: "Here", configuration: "Configuration", evaluations: int, seed: int
) -> "SearchRecord":
    from latbase.cli.searching import run_search
    from latbase.searcher import parse_objectives
    from latbase.searcher.recipes import Recipe

    provenance = here.network.top1_predictor
    assert provenance is not None
    _say(
        f"3. Searching for high top-1 and low latency: {evaluations} evaluations, every latency "
        "measured here."
    )
    _say(
        f"   Top-1 is predicted, not measured: by a model of {provenance.n_train} "
        f"published accuracies ({provenance.source}); held-out tau {provenance.kendall_tau:.3f}, "
        f"error {provenance.mape_percent:.2f} %."
    )
    recipe = Recipe(
        objectives=tuple(parse_objectives(["top1", "latency_ms"])),
        configuration_id=configuration.configuration_id,
        tactic="auto",
        seed=seed,
        evaluations=evaluations,
    )
    return run_search(here, recipe, configuration)


def _report(
    here: "Here", configuration: "Configuration", record: "SearchRecord", out: Path
) -> None:
    from latbase.searcher import results
    from latbase.searcher.analytics import front as drawing

    found = results.load(here.store, record.search_id)
    picture, page = out / "front.png", out / "front.html"
    drawing.picture(found.view(), picture)
    drawing.write_page(found.view(), page)
    members = found.members()
    pick = _fastest_near_the_largest(here, members)
    shown = _thinned(members)
    if pick is not None and pick not in shown:
        shown = sorted([*shown, pick], key=lambda member: -member["values"]["latency_ms"])
    _say()
    show_rows(
        ["top1 (predicted)", "latency_ms (measured)", "subnet_id", ""],
        [
            [*member["values"].values(), member["subnet_id"], "see below" * (member is pick)]
            for member in shown
        ],
        f"The front of search {record.search_id[:8]}",
    )
    if len(members) > len(shown):
        _say(f"… and {len(members) - len(shown)} more: {_command(here.settings)} front latest")
    _say()
    _headline(here, configuration, pick)
    _say(f"\nPicture  {picture}\nPage     {page}\nStore    {here.settings.store}")


def _thinned(members: "list[Member]") -> "list[Member]":
    """Return at most :data:`SHOWN` members, evenly from one end of the front to the other."""
    steps = min(SHOWN, len(members))
    last = len(members) - 1
    return [members[round(step * last / max(steps - 1, 1))] for step in range(steps)]


def _fastest_near_the_largest(here: "Here", members: "list[Member]") -> "Member | None":
    network = here.network
    top1 = float(network.predicted_top1(network.space.largest())[0])
    near = [m for m in members if m["values"]["top1"] >= top1 - TOLERANCE_POINTS]
    return min(near, key=lambda member: member["values"]["latency_ms"], default=None)


def _headline(here: "Here", configuration: "Configuration", pick: "Member | None") -> None:
    """Measure the largest and the pick again, in turn, and say how they compare."""
    import numpy as np

    from latbase.db import queries
    from latbase.db.networks import subnets_of
    from latbase.db.records import STABLE

    if pick is None:
        _say(f"No sub-network within {TOLERANCE_POINTS:g} point of the largest's top-1 was found.")
        return
    network = here.network
    largest = network.space.largest()
    top1 = float(network.predicted_top1(largest)[0])
    both = np.vstack([largest, network.space.from_configs([pick["config"]])])
    with progress("side by side", 2) as advance:
        here.profile(both, configuration, advance, again=True)
    ids = [subnet.subnet_id for subnet in subnets_of(network, both)]
    measured = queries.last_measured(
        here.store, ids, configuration_id=configuration.configuration_id, metric="latency_ms"
    )
    (slow, slow_verdict), (fast, fast_verdict) = (measured[subnet_id] for subnet_id in ids)
    _say(
        f"On this machine sub-network {ids[1][:8]} takes {fast:.2f} ms, the largest {slow:.2f} ms "
        f"(measured in turn): {slow / fast:.2f} times as fast, for "
        f"{top1 - pick['values']['top1']:.2f} points of predicted top-1."
    )
    if {slow_verdict, fast_verdict} != {STABLE}:
        _say("The host was not quiet while these two were measured: take the ratio as rough.")


def _next_steps(settings: Settings, supernet: str, record: "SearchRecord") -> None:
    store = _command(settings)
    _say("\nThree things to try next:")
    _say(f"  {store} front {record.search_id[:8]} --json")
    _say(f"  {store} profile {supernet} -n 50 --threads 1,2 --batch-size 1,8")
    _say(f'  {store} query "SELECT * FROM latency ORDER BY latency_ms LIMIT 10"')


def _command(settings: Settings) -> str:
    """Return how the user runs latbase from here: by its path where the shell would not find it."""
    found = shutil.which("latbase")
    here = found is not None and Path(found).samefile(sys.argv[0])
    return f"{'latbase' if here else sys.argv[0]} --store {shlex.quote(settings.store)}"

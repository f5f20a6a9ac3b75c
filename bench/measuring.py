"""How repeatable measurements are: latbase beside the peer's protocol, on this machine.

The same sub-networks are measured in two passes, in different order and process, on a quiet host
and beside a neighbour that loads one core. The peer's protocol is DyNAS-T's: ten warm-up runs,
then the mean of fifty timed with ``time.time``, one sub-network after the other. Both take turns,
so that neither has the better hour. *Building* is the share of the time that went into extracting
sub-networks, in every process again; *common shift* is what all sub-networks differ by alike.

Run it alone on the machine: ``.venv/bin/python bench/measuring.py --minutes 20``. With ``--predict
NETWORK --protocol thorough`` it instead scores a predictor fitted on two thirds of what this host
has measured when the time is up.
"""

import argparse
import contextlib
import dataclasses
import itertools
import json
import math
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from threadpoolctl import threadpool_limits

import latbase.supernets
from latbase.db.networks import subnets_of
from latbase.db.records import Configuration, Measurement, Subnet
from latbase.profiler import Fingerprint, Measured, doctor, fingerprint, measure
from latbase.profiler import child as children
from latbase.profiler.child import Child
from latbase.profiler.messages import Added
from latbase.profiler.protocol import DEFAULT, PRESETS, ProtocolSettings
from latbase.searcher import fit_predictor
from latbase.supernets import Supernet
from latbase.supernets.supernet import Config

NETWORK = "ofa_mbv3_d234_e346_k357_w1.0"
SEED = 60
PEER_WARM_UP, PEER_RUNS = 10, 50
PEER_TAU_SETTINGS = (
    ProtocolSettings(
        name="3 rounds in one process",
        min_rounds=3,
        max_rounds=3,
        interval_percent=0.01,
        time_cap_s=10,
    ),
    ProtocolSettings(
        name="6 rounds in one process",
        min_rounds=6,
        max_rounds=6,
        interval_percent=0.01,
        time_cap_s=10,
    ),
)
"""Cheap settings, to find what the peer's own repeatability costs here."""

ONE_HEAP = dataclasses.replace(DEFAULT, name="one heap")
SMALL_PAGES = dataclasses.replace(DEFAULT, name="small pages")
WITHOUT = (
    dataclasses.replace(DEFAULT, name="nothing moved", rounds_per_place=None),
    dataclasses.replace(DEFAULT, name="5 rounds per process", rounds_per_process=5),
    SMALL_PAGES,
    dataclasses.replace(
        DEFAULT,
        name="two readings",
        samples_per_visit=2,
        min_rounds=15,
        max_rounds=20,
        rounds_per_process=5,
    ),
    ONE_HEAP,
)
"""The default with one of its parts taken out or changed: what that part is for."""

TRAINED = 200
"""Rows a predictor is fitted on; half as many judge it."""

PEER_SCRIPT = """
import json, sys, time, torch, latbase.supernets
network = latbase.supernets.load(sys.argv[1])
configs = json.load(sys.stdin)
torch.set_num_threads(1)
image, = network.inputs(1)
out = []
with torch.inference_mode():
    for config in configs:
        model = network.build(config)
        for _ in range({warm_up}):
            model(image)
        times = []
        for _ in range({runs}):
            begin = time.time()
            model(image)
            times.append(time.time() - begin)
        out.append(sum(times) / len(times) * 1e3)
print(json.dumps(out))
""".replace("{warm_up}", str(PEER_WARM_UP)).replace("{runs}", str(PEER_RUNS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    protocol: str
    host: str
    tau: float
    difference_percent: float
    shift_percent: float
    interval_percent: float | None
    covered: float | None
    building: float | None
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What every pass measures."""

    network: Supernet
    subnets: list[Subnet]
    configuration: Configuration
    host: Fingerprint
    state_dir: Path


def burn() -> None:
    """Keep one core busy with arithmetic and memory traffic until killed."""
    matrix = np.random.default_rng(0).random((512, 512))
    with threadpool_limits(limits=1):
        while True:
            matrix = np.tanh(matrix @ matrix)


@contextlib.contextmanager
def neighbour(*, present: bool) -> Iterator[None]:
    """Load one core while the block runs, if ``present``."""
    if not present:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
    process.start()
    time.sleep(2)
    try:
        yield
    finally:
        process.kill()
        process.join()


def peer_pass(task: Task, order: Sequence[Subnet]) -> dict[str, float]:
    configs = [subnet.config for subnet in order]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PEER_SCRIPT, task.network.name],
        input=json.dumps(configs),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    values = json.loads(done.stdout.splitlines()[-1])
    return {subnet.subnet_id: ms for subnet, ms in zip(order, values, strict=True)}


def peer(task: Task, host: str) -> Row:
    begin = time.monotonic()
    first = peer_pass(task, task.subnets)
    second = peer_pass(task, task.subnets[::-1])
    seconds = (time.monotonic() - begin) / (2 * len(task.subnets))
    ids = [subnet.subnet_id for subnet in task.subnets]
    one, two = np.array([first[i] for i in ids]), np.array([second[i] for i in ids])
    return Row(
        protocol=f"peer: {PEER_WARM_UP} warm-up, mean of {PEER_RUNS} in sequence",
        host=host,
        tau=doctor.rank_correlation(one, two),
        difference_percent=100 * float(np.median(np.abs(np.log(two / one)))),
        shift_percent=100 * abs(float(np.median(np.log(two / one)))),
        interval_percent=None,
        covered=None,
        building=None,
        seconds=seconds,
    )


def latbase_pass(
    task: Task, order: Sequence[Subnet], settings: ProtocolSettings, deadline: float = math.inf
) -> list[Measurement]:
    results = measure(
        task.network,
        order,
        task.configuration,
        fingerprint=task.host,
        state_dir=task.state_dir,
        protocol=settings,
        on_event=lambda text: print(text, file=sys.stderr),
    )
    with contextlib.closing(results):
        in_time = itertools.takewhile(lambda _: time.monotonic() < deadline, results)
        return [result.measurements[0] for result in in_time if isinstance(result, Measured)]


@contextlib.contextmanager
def building_noted() -> Iterator[list[float]]:
    """Collect how long every extraction takes, in seconds."""
    spent: list[float] = []
    add = Child.add

    def noted(child: Child, key: str, config: Config, *, weigh: bool, calls: int | None) -> Added:
        added = add(child, key, config, weigh=weigh, calls=calls)
        spent.append(added.build_s)
        return added

    with mock.patch.object(Child, "add", noted):
        yield spent


def ours(task: Task, host: str, settings: ProtocolSettings) -> Row:
    heaps = {"MALLOC_ARENA_MAX": "1"} if settings is ONE_HEAP else {}
    pages = "" if settings is SMALL_PAGES else children.HUGE_PAGES
    with (
        building_noted() as spent,
        tempfile.TemporaryDirectory(dir=task.state_dir) as scratch,
        mock.patch.dict(children.FIXED_ENVIRONMENT, heaps),
        mock.patch.object(children, "HUGE_PAGES", pages),
    ):
        own = dataclasses.replace(task, state_dir=Path(scratch))
        begin = time.monotonic()
        first = latbase_pass(own, own.subnets, settings)
        second = latbase_pass(own, own.subnets[::-1], settings)
        seconds = (time.monotonic() - begin) / (2 * len(task.subnets))
    found = doctor.compare_passes(first, second, seconds_per_subnet=seconds)
    before = {one.subnet_id: one.value for one in first}
    ratios = [one.value / before[one.subnet_id] for one in second if one.subnet_id in before]
    return Row(
        protocol=f"latbase {settings.name}",
        host=host,
        tau=found.kendall_tau,
        difference_percent=found.difference_percent,
        shift_percent=100 * abs(float(np.log(np.median(ratios)))),
        interval_percent=found.interval_percent,
        covered=found.covered,
        building=sum(spent) / (seconds * 2 * len(task.subnets)),
        seconds=seconds,
    )


def prepare(name: str, count: int, state_dir: Path) -> Task:
    network = latbase.supernets.load(name)
    host = fingerprint(state_dir)
    subnets = subnets_of(network, network.space.sample(count, SEED))
    configuration = Configuration.of(
        hardware_id=host.hardware.hardware_id, input_size=network.default_input_size
    )
    return Task(
        network=network,
        subnets=subnets,
        configuration=configuration,
        host=host,
        state_dir=state_dir,
    )


def show(row: Row) -> None:
    interval = "-" if row.interval_percent is None else f"±{row.interval_percent:.1f} %"
    covered = "-" if row.covered is None else f"{row.covered:.0%}"
    building = "-" if row.building is None else f"{row.building:.1%}"
    print(
        f"| {row.protocol} | {row.host} | {row.tau:.3f} | {row.difference_percent:.2f} % "
        f"| {row.shift_percent:.2f} % | {interval} | {covered} | {building} | {row.seconds:.2f} |",
        flush=True,
    )


def predict(task: Task, settings: ProtocolSettings, deadline: float) -> None:
    """Fit the default predictor on this host's own measurements and show its held-out scores."""
    begin = time.monotonic()
    found = {
        one.subnet_id: one.value for one in latbase_pass(task, task.subnets, settings, deadline)
    }
    seconds = (time.monotonic() - begin) / len(found)
    trained, network = 2 * len(found) // 3, task.network
    measured = [subnet for subnet in task.subnets if subnet.subnet_id in found]
    genotypes = np.array([subnet.genotype for subnet in measured], np.int8)
    features = network.space.features(genotypes)
    values = np.array([found[subnet.subnet_id] for subnet in measured])
    fitted = fit_predictor(features[:trained], values[:trained])
    score = fitted.score(features[trained:], values[trained:])
    print(
        f"| {network.name} | {settings.name} | {trained} | {fitted.kind} | {score.tau:.3f} "
        f"| {score.mape_percent:.2f} % | {seconds:.2f} |",
        flush=True,
    )


def compare(count: int, deadline: float) -> None:
    """Print the table of the two protocols, quiet and disturbed."""
    quiet, loaded = "quiet", "one core loaded"
    plan = 2 * [(quiet, DEFAULT), (quiet, None)] + [(loaded, DEFAULT), (loaded, None)]
    plan += [(host, settings) for settings in PEER_TAU_SETTINGS for host in (quiet, loaded)]
    plan += [(quiet, settings) for settings in (PRESETS["thorough"], *WITHOUT, PRESETS["quick"])]
    with tempfile.TemporaryDirectory(prefix="latbase-bench-") as scratch:
        task = prepare(NETWORK, count, Path(scratch))
        print(f"{count} sub-networks of {NETWORK}, batch 1, one thread, two passes.\n")
        columns = ("protocol", "host", "τ", "median difference", "common shift", "interval")
        print(f"| {' | '.join((*columns, 'covered', 'building', 's each'))} |")
        print(f"|{9 * '---|'}")
        for host, settings in plan:
            if time.monotonic() > deadline:
                print("\nOut of time; the rest was not measured.")
                break
            with neighbour(present=host != "quiet"):
                show(peer(task, host) if settings is None else ours(task, host, settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subnets", type=int, default=60)
    parser.add_argument(
        "--minutes",
        type=float,
        help="start nothing new after this: 20 for the table, no limit for --predict",
    )
    parser.add_argument(
        "--predict",
        metavar="NETWORK",
        help="instead: scores of a predictor fitted on this host's measurements of it",
    )
    parser.add_argument("--protocol", choices=PRESETS, default=DEFAULT.name, help="for --predict")
    parser.add_argument("--trained", type=int, default=TRAINED, help="rows it is fitted on")
    asked = parser.parse_args()
    if asked.predict is None:
        compare(asked.subnets, time.monotonic() + 60 * (asked.minutes or 20.0))
        return
    print("| supernet | protocol | trained on | predictor | τ | MAPE | s each |")
    print("|---|---|---|---|---|---|---|")
    deadline = time.monotonic() + 60 * (asked.minutes or math.inf)
    with tempfile.TemporaryDirectory(prefix="latbase-bench-") as scratch:
        task = prepare(asked.predict, asked.trained + asked.trained // 2, Path(scratch))
        predict(task, PRESETS[asked.protocol], deadline)


if __name__ == "__main__":
    main()

"""Take a sub-network away: written, read back, compared, timed, and only then there."""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click
import numpy as np

import latbase
from latbase.cli.here import Here
from latbase.db import queries
from latbase.db.networks import supernet_of
from latbase.errors import InvalidInputError, MeasurementError, SupernetError
from latbase.searcher import results
from latbase.searcher.picking import LATENCY
from latbase.supernets.exported import SUBNET_FILE
from latbase.supernets.exporting import FORMATS, write_file
from latbase.supernets.supernet import NOTHING_TO_BUILD

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.db.records import Configuration, Facts, Subnet
    from latbase.supernets.accuracy.image_folder import ImageFolder


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is to be written.

    Attributes:
        values: objective values by name.
        search_id: the search they come from.
        configuration: where its latency was measured, or is to be; None: nowhere yet.
    """

    subnet: "Subnet"
    values: "Mapping[str, Value]"
    search_id: str | None
    configuration: "Configuration | None"


class Value(TypedDict):
    """A value of an objective and where it comes from."""

    value: float
    source: str


class Latency(TypedDict):
    """The latency before and after; None where it was not measured."""

    stored_ms: float | None
    again_ms: float | None
    verdict: str | None


class Record(TypedDict):
    """What ``subnet.json`` says."""

    latbase_version: str
    supernet: str
    supernet_id: str
    loads_as: str
    subnet_id: str
    genotype: list[int]
    config: "Facts"
    weights: str
    inputs: list[dict[str, object]]
    macs: int
    params: int
    search_id: str | None
    objectives: "Mapping[str, Value]"
    configuration: dict[str, object]
    latency: Latency
    files: list[dict[str, object]]


def from_store(store: "Store", prefix: str) -> Parcel:
    """Choose the one sub-network in the store whose id starts with ``prefix``.

    Raises:
        UnknownNameError: none does, or several do.
    """
    subnet = queries.subnet(store, prefix)
    return Parcel(subnet=subnet, values={}, search_id=None, configuration=None)


def from_search(
    store: "Store", search_id: str, choose: Callable[[results.Results], results.Member]
) -> Parcel:
    """Let ``choose`` choose among the sub-networks of a search.

    Raises:
        UnknownNameError: there is no such search.
        InvalidInputError: it has nothing of that kind.
    """
    found = results.load(store, search_id)
    member, where = choose(found), found.record.configuration_id
    return Parcel(
        subnet=queries.subnet(store, member["subnet_id"]),
        values={
            name: Value(value=value, source=member["sources"][name])
            for name, value in member["values"].items()
        },
        search_id=found.record.search_id,
        configuration=queries.configuration(store, where) if where else None,
    )


def write(
    here: Here,
    wanted: Parcel,
    configuration: "Configuration",
    folder: Path,
    formats: Sequence[str],
    tolerance_percent: float | None,
    images: "ImageFolder | None" = None,
) -> Record:
    """Fill ``folder`` and return what its ``subnet.json`` says.

    Args:
        here: this host, the store and the supernet.
        wanted: what to write.
        configuration: where to measure it.
        folder: exists, empty.
        formats: beside ``subnet.json`` and the weights.
        tolerance_percent: by how much the latency may differ from the stored one; None: it is not
            measured.
        images: what batch normalisation takes its statistics from; None: as the supernet has them.

    Raises:
        InvalidInputError: a format cannot express the sub-network, or this host cannot measure it.
        SupernetError: a file's output differs, or the supernet is not the one that was searched.
        MeasurementError: it cannot be measured, or its latency differs.
    """
    _check(here, wanted.subnet, configuration, measuring=tolerance_percent is not None)
    record = _record(here, wanted, configuration)
    network = (images or here.network).finished(wanted.subnet.config)
    if images:
        record["weights"] += f"; statistics from {images.recalibrated_on} images of {images.folder}"
    record["files"] = [
        dataclasses.asdict(
            write_file(
                here.network,
                network,
                folder,
                name,
                batch_size=configuration.batch_size,
                input_size=configuration.input_size,
            )
        )
        for name in dict.fromkeys(("state_dict", *formats))
    ]
    _save(folder, record)  # the timing child loads what was written by it
    if tolerance_percent is not None:
        written = dataclasses.replace(here, loads_as=str(folder))
        record["latency"] = _measured(
            written, wanted.subnet, configuration, record["latency"]["stored_ms"]
        )
        _compare(record["latency"], tolerance_percent)
        _save(folder, record)
    return record


@contextmanager
def new_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty directory that takes the place of ``folder`` at the end, or is gone.

    Raises:
        InvalidInputError: ``folder`` exists and ``force`` is not set, it is no export, or it has
            nowhere to be.
        click.FileError: the disk is full, or the directory cannot be written.
    """
    folder = folder.absolute()
    try:
        _check_replaceable(folder, force=force)
        if not folder.parent.is_dir():
            raise InvalidInputError(f"The directory {folder.parent} does not exist; make it first.")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            draft, old = Path(scratch) / "new", Path(scratch) / "old"
            draft.mkdir()
            yield draft
            _check_replaceable(folder, force=force)  # measuring takes long enough to put things in
            if folder.exists():
                folder.rename(old)
            draft.rename(folder)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise click.FileError(str(folder), hint=f"{error.strerror or error}{where}") from error


def _check_replaceable(folder: Path, *, force: bool) -> None:
    """Refuse to replace anything but an export or an empty directory: what is replaced is gone."""
    if not folder.exists():
        return
    if not force:
        raise InvalidInputError(
            f"{folder} exists already. Name another directory, or replace it with --force."
        )
    if Path.cwd().is_relative_to(folder.resolve()):
        raise InvalidInputError(f"{folder} is where you are, or above it; name another directory.")
    held = {each.name for each in folder.iterdir()} if folder.is_dir() else {folder.name}
    exported = {SUBNET_FILE, *(how.file for how in FORMATS.values())}
    if lost := held - (exported if SUBNET_FILE in held else set()):
        raise InvalidInputError(
            f"{folder} is no export that --force could replace: {min(lost)} would be lost. Name "
            "another directory."
        )


def _check(
    here: Here, subnet: "Subnet", configuration: "Configuration", *, measuring: bool
) -> None:
    """Refuse what cannot succeed before anything is written."""
    if supernet_of(here.network).supernet_id != subnet.supernet_id:
        raise SupernetError(
            f"The sub-network {subnet.subnet_id} is not one of {here.loads_as} as it is defined "
            "here. Name the supernet it was found in with --supernet (a package's name, or "
            "path/to/file.py:Name), in the version that was searched."
        )
    if here.network.default_input_size == NOTHING_TO_BUILD:
        raise InvalidInputError(
            f"{here.network.name} exists only as recorded values: there is no network to export."
        )
    if measuring and not here.offers(configuration):
        raise InvalidInputError(
            f"Configuration {configuration.configuration_id} is of other hardware than this "
            "host, so its latency cannot be measured again here. Export it there, choose a "
            "configuration of this host with --config, or give --skip-latency."
        )


def _record(here: Here, wanted: Parcel, configuration: "Configuration") -> Record:
    subnet, net = wanted.subnet, here.network
    cost = net.cost(subnet.config, configuration.input_size)
    inputs = net.inputs(configuration.batch_size, configuration.input_size)
    path, separator, name = here.loads_as.rpartition(".py:")
    stored = queries.newest_values(
        here.store,
        [subnet.subnet_id],
        configuration_id=configuration.configuration_id,
        metric=LATENCY,
    )
    return Record(
        latbase_version=latbase.__version__,
        supernet=net.name,
        supernet_id=subnet.supernet_id,
        loads_as=f"{Path(path).absolute()}{separator}{name}" if separator else here.loads_as,
        subnet_id=subnet.subnet_id,
        genotype=list(subnet.genotype),
        config=subnet.config,
        weights=net.weights_origin,
        inputs=[{"shape": list(each.shape), "dtype": str(each.dtype)} for each in inputs],
        macs=cost.macs,
        params=cost.params,
        search_id=wanted.search_id,
        objectives=wanted.values,
        configuration=dataclasses.asdict(configuration),
        latency=Latency(stored_ms=stored.get(subnet.subnet_id), again_ms=None, verdict=None),
        files=[],
    )


def _measured(
    here: Here, subnet: "Subnet", configuration: "Configuration", stored_ms: float | None
) -> Latency:
    """Measure as ``latbase profile --again`` does; the result is stored as any other."""
    genotypes = np.array([subnet.genotype], np.int8)
    done = here.profile(genotypes, configuration, lambda _done: None, again=True)
    if done.failures:
        raise MeasurementError(f"What was written cannot be measured: {done.failures[0].reason}")
    again_ms, verdict = queries.last_measured(
        here.store,
        [subnet.subnet_id],
        configuration_id=configuration.configuration_id,
        metric=LATENCY,
    )[subnet.subnet_id]
    return Latency(stored_ms=stored_ms, again_ms=again_ms, verdict=verdict)


def _compare(latency: Latency, tolerance_percent: float) -> None:
    before, after = latency["stored_ms"], latency["again_ms"]
    if before is None or after is None:
        return
    difference = 100 * (after / before - 1)
    if abs(difference) > tolerance_percent:
        raise MeasurementError(
            f"Its latency was {before:.4g} ms in the store and is {after:.4g} ms now "
            f"({difference:+.1f} %, {latency['verdict']}); expected within {tolerance_percent:g} "
            "%. Nothing was written. latbase doctor says what disturbs this host; try again, or "
            "allow more with --tolerance."
        )


def _save(folder: Path, record: Record) -> None:
    (folder / SUBNET_FILE).write_text(json.dumps(record, indent=2) + "\n")

"""Arguments several commands share."""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import click

from latbase.db.records import ENGINES, MEMORY_FORMATS, PRECISIONS

MOST = 2**31 - 1
"""Largest whole number of most columns of the store."""

SEED = click.IntRange(0, 2**63 - 1)


class IntegerList(click.ParamType[tuple[int, ...]]):
    """Positive integers separated by commas: ``1,2,4``."""

    name = "N[,N...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse ``value``; order is kept, repetitions are dropped."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(dict.fromkeys(int(part) for part in str(value).split(",")))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail(f"{value!r} is not a list of positive integers such as 1,2,4.", param, ctx)
        return numbers


class Device(click.ParamType[str]):
    """``cpu``, ``cuda`` or ``cuda:N``."""

    name = "cpu|cuda[:N]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check ``value``."""
        if not re.fullmatch(r"cpu|cuda(:\d+)?", str(value)):
            self.fail(f"{value!r} is no device; expected cpu, cuda or cuda:N.", param, ctx)
        return str(value)


class Threshold(click.ParamType[tuple[str, float]]):
    """A percentage of all parameters, or of those named: ``2``, ``ks=5``, ``ks[0]=10``."""

    name = "[NAME=]PERCENT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return the name, empty for all, and the share, 0 to 1."""
        if isinstance(value, tuple):
            return value
        name, _, percent = str(value).rpartition("=")
        try:
            share = float(percent) / 100.0
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            self.fail(
                f"{value!r} is no threshold: write a percentage from 0 to 100, of all parameters "
                "(2) or of some (ks=5, ks[0]=10).",
                param,
                ctx,
            )
        return name, share


def popdb_options(prefix: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds PopDB's options behind ``prefix``, handed over as ``reduction``."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @clustering_options(prefix)
        @click.option(
            f"--{prefix}threshold",
            "thresholds",
            type=Threshold(),
            multiple=True,
            help="Least share of a value that stays, in percent: 2, or of some parameters: ks=5, "
            "ks[0]=10; repeat it.  [default: 1]",
        )
        @functools.wraps(command)
        def with_reduction(
            *args: object,
            min_cluster_size: int,
            min_samples: int,
            thresholds: tuple[tuple[str, float], ...],
            **kwargs: object,
        ) -> None:
            from latbase.searcher.popdb import EVERY, THRESHOLD, Reduction

            given = {name or EVERY: share for name, share in thresholds}
            reduction = Reduction(
                min_cluster_size=min_cluster_size,
                min_samples=min_samples,
                threshold={EVERY: THRESHOLD, **given},
            )
            command(*args, reduction=reduction, **kwargs)

        return with_reduction

    return add


def clustering_options(prefix: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds the options of PopDB's clusters behind ``prefix``."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        size = click.option(
            f"--{prefix}min-cluster-size",
            "min_cluster_size",
            type=click.IntRange(2),
            default=50,
            show_default=True,
            help="Sub-networks of the smallest cluster.",
        )
        samples = click.option(
            f"--{prefix}min-samples",
            "min_samples",
            type=click.IntRange(1),
            default=10,
            show_default=True,
            help="Neighbours that make a sub-network part of a cluster.",
        )
        return size(samples(command))

    return add


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How sub-networks are to be measured, beside threads and batch size."""

    device: str
    precision: str = "fp32"
    engine: str = "eager"
    memory_format: str = "contiguous"
    input_size: int | None = None
    preset: str


def measuring_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how to measure, handed over as ``measuring: Measuring``."""

    @click.option("--device", type=Device(), default="cpu", show_default=True)
    @click.option("--precision", type=click.Choice(PRECISIONS), default="fp32", show_default=True)
    @click.option("--engine", type=click.Choice(ENGINES), default="eager", show_default=True)
    @click.option(
        "--memory-format",
        type=click.Choice(MEMORY_FORMATS),
        default="contiguous",
        show_default=True,
    )
    @click.option("--input-size", type=click.IntRange(1, MOST), help="Pixels or tokens.")
    @click.option(
        "--preset",
        type=click.Choice(["quick", "default", "thorough"]),
        default="default",
        show_default=True,
        help="How long to measure each sub-network.",
    )
    @functools.wraps(command)
    def with_measuring(
        *args: object,
        device: str,
        precision: str,
        engine: str,
        memory_format: str,
        input_size: int | None,
        preset: str,
        **kwargs: object,
    ) -> None:
        measuring = Measuring(
            device=device,
            precision=precision,
            engine=engine,
            memory_format=memory_format,
            input_size=input_size,
            preset=preset,
        )
        command(*args, measuring=measuring, **kwargs)

    return with_measuring


def given(ctx: click.Context, *names: str) -> list[str]:
    """Return which parameters of a command the user wrote, of those with these names."""
    written = click.core.ParameterSource.COMMANDLINE
    return [name for name in names if ctx.get_parameter_source(name) is written]


def loads_as_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--supernet`` to a command on a stored search, handed over as ``loads_as``."""
    return click.option(
        "--supernet", "loads_as", help="What its supernet loads by, where that is not its name."
    )(command)

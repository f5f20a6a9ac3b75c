"""Arguments several commands share."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import click

from latbase.db.records import ENGINES, MEMORY_FORMATS, PRECISIONS


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
    @click.option("--input-size", type=click.IntRange(1), help="Pixels or tokens.")
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

"""Tables for people, and the same rows as JSON, CSV or Parquet for scripts.

Results go to stdout; progress and remarks go to stderr, so a pipe never sees them.
"""

import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.cli.values import rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How the user wants rows written; at most one of the formats is set."""

    as_json: bool = False
    as_csv: bool = False
    parquet: Path | None = None


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--json``, ``--csv`` and ``--parquet FILE``, handed over as ``output: Output``."""

    @click.option("--json", "as_json", is_flag=True, help="Write the rows as JSON.")
    @click.option("--csv", "as_csv", is_flag=True, help="Write the rows as CSV.")
    @click.option(
        "--parquet",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the rows to a Parquet file.",
    )
    @functools.wraps(command)
    def with_output(
        *args: object, as_json: bool, as_csv: bool, parquet: Path | None, **kwargs: object
    ) -> None:
        if as_json + as_csv + (parquet is not None) > 1:
            raise click.UsageError("choose one of --json, --csv and --parquet.")
        output = Output(as_json=as_json, as_csv=as_csv, parquet=parquet)
        command(*args, output=output, **kwargs)

    return with_output


def show(
    table: "pa.Table", output: Output, *, title: str | None = None, empty: str = "No rows."
) -> None:
    """Write ``table`` to stdout in the format the user chose.

    Args:
        table: the rows.
        output: the format.
        title: heading of the table a person reads.
        empty: what a person reads instead of a table without rows.
    """
    table = table.rename_columns(_distinct(table.column_names))
    if output.as_json:
        json_out(rows(table))
    elif output.as_csv:
        _write_csv(table)
    elif output.parquet is not None:
        _write_parquet(table, output.parquet)
    elif table.num_rows == 0:
        click.echo(empty)
    else:
        show_rows(table.column_names, [list(row.values()) for row in rows(table)], title)


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None) -> None:
    """Print a table for a person; numbers are right-aligned, long values are cut."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    # Piped output has no width of its own: never fold what a script may cut by lines.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(grid)


def json_out(value: object) -> None:
    """Write ``value`` to stdout as JSON; times become ISO 8601, NaN becomes null."""
    click.echo(json.dumps(_finite(value), indent=2, default=_jsonable))


@contextmanager
def progress(description: str, total: int) -> "Iterator[Callable[[int], None]]":
    """Show a bar on stderr; yields a function that takes how many are done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def only_results() -> "Iterator[None]":
    """Keep stdout for results: what a user's own code prints meanwhile goes to stderr."""
    sys.stdout.flush()
    results = os.dup(1)
    os.dup2(2, 1)  # for worker processes
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(results, 1)
        os.close(results)


def note(text: str) -> None:
    """Say something beside the results, on stderr."""
    click.echo(text, err=True)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number repeated column names, as ``SELECT *`` of a join has them: no value may hide."""
    distinct: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in distinct:
            candidate, number = f"{name}_{number}", number + 1
        distinct.append(candidate)
    return distinct


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.6g}"  # noqa: PLR2004
    if isinstance(value, dict):
        value = [f"{name}: {_cell(item)}" for name, item in value.items()]
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_cell(item) for item in value) + "]"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M"))
    return str(value)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _jsonable(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, Decimal):  # every sum of whole numbers is one
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _write_csv(table: "pa.Table") -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in rows(table):
        writer.writerow(
            [
                json.dumps(_finite(v), default=_jsonable) if isinstance(v, list | dict) else v
                for v in row.values()
            ]
        )


def _write_parquet(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, path)
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror or str(error)) from error
    note(f"{table.num_rows} rows written to {path}")

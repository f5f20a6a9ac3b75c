"""The ``latbase`` command. Sub-commands are imported only when used, so help is instant."""

import io
import os
import signal
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path

import click

import latbase
from latbase import settings
from latbase.cli.failures import exit_with_status

COMMANDS = {
    "backup": ("moving", "Copy the whole store to a file while others use it."),
    "check": ("moving", "Read everything in the store and say what is wrong with it."),
    "configs": ("store", "Configurations in the store, with how much was measured on each."),
    "coverage": ("store", "Which supernet is profiled on which configuration."),
    "daemon": ("daemon", "Measure the jobs of a store on this host, as long as it runs."),
    "doctor": ("doctor", "How good this host is for measuring, and what would help."),
    "enqueue": ("fleet", "Ask daemons to measure sub-networks."),
    "export": ("moving", "Write the store, or a part of it, as Parquet files."),
    "export-network": ("export_network", "Take a sub-network away: weights, TorchScript, ONNX."),
    "fingerprint": ("host", "What this host is: hardware, environment, effective CPUs."),
    "front": ("front", "The best sub-networks of a search: table, picture, page, JSON."),
    "hosts": ("fleet", "The hosts: hardware, last heartbeat, queue, version."),
    "import": ("moving", "Add an export, DyNAS-T results or anyone's latency tables."),
    "jobs": ("fleet", "The queue, and why jobs failed; cancel them."),
    "latency": ("latency", "Latency of known sub-networks: measured, else predicted."),
    "merge": ("moving", "Add everything in another store."),
    "migrate": ("migrate", "Copy a store to another engine, verified."),
    "plot": ("plot", "Figures: progression, fronts, hypervolume, predictors, parameters."),
    "popdb": ("popdb", "Which values the good sub-networks of a search kept."),
    "predictor": ("predictor", "How well latency can be predicted on each configuration."),
    "profile": ("profile", "Measure sub-networks of a supernet on this host."),
    "query": ("store", "Ask the store anything in SQL (read-only)."),
    "quickstart": ("quickstart", "Measure this host, search, and show its best sub-networks."),
    "report": ("report", "One self-contained page on a search."),
    "restore": ("moving", "Put a backup in the place of the store."),
    "search": ("search", "Search for the best sub-networks on one configuration."),
    "searches": ("search", "Searches in the store."),
    "serve": ("serve", "Serve the store to other machines."),
    "supernets": ("supernets", "Supernets that can be profiled and searched."),
    "token": ("token", "Who may use a service: create, list, revoke tokens."),
    "ui": ("ui", "The dashboard in a browser: fleet, coverage, latencies, searches, fronts."),
}
"""Name -> (module under ``latbase.cli``, line of help). A test holds it to the real commands."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return every command name, sorted."""
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"latbase.cli.{COMMANDS[cmd_name][0]}")
        attribute = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, attribute + "_" * iskeyword(attribute))
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
    epilog="Start with: latbase quickstart. Shell completion: "
    'eval "$(_LATBASE_COMPLETE=bash_source latbase)" (or zsh_source, fish_source).',
)
@click.version_option(latbase.__version__, prog_name="latbase")
@click.option(
    "--store",
    metavar="PATH|URL",
    help="Latency store: a DuckDB file or http(s)://host:port of a service. "
    "[env: LATBASE_STORE; default: a file in your data folder]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File holding the token for a service. [env: LATBASE_TOKEN_FILE]",
)
@click.pass_context
def main(ctx: click.Context, store: str | None, token_file: Path | None) -> None:
    """Find the sub-networks that are best on your own machines, from measured latencies."""
    ctx.obj = settings.load(store=store, token_file=token_file)


def _open_streams() -> None:
    """Let output end nowhere where the caller closed it, and pass any terminal's encoding."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def run() -> None:
    """Entry point of the console script."""
    _open_streams()
    # A shell starts background jobs deaf to SIGINT, and what stops a search would not reach it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exit_with_status(lambda: main(standalone_mode=False, prog_name="latbase"))

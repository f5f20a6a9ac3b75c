"""Supernets by name: entry points of the group ``latbase.supernets``, or a class in a file."""

import difflib
from importlib.metadata import EntryPoint, entry_points

from latbase.errors import SupernetError, UnknownNameError
from latbase.supernets.supernet import Supernet

GROUP = "latbase.supernets"
"""Entry-point group; each entry is a callable without arguments that returns a supernet."""


def names() -> list[str]:
    """Return the names of all installed supernets, sorted."""
    return sorted(_entries())


def load(name: str) -> Supernet:
    """Return the supernet called ``name``.

    Raises:
        UnknownNameError: nothing installed has that name; the message lists what has.
        SupernetError: the package that registered it does not import or does not deliver.
    """
    entries = _entries()
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise UnknownNameError(
            f"There is no supernet {name}.{hint} Installed: {', '.join(sorted(entries))}."
        )
    entry = entries[name]
    try:
        net = entry.load()()
    except Exception as error:
        raise SupernetError(
            f"Supernet {name} is registered as {entry.value} but does not load "
            f"({type(error).__name__}: {error}). Repair or uninstall {_package(entry)}."
        ) from error
    if not isinstance(net, Supernet):
        raise SupernetError(
            f"Supernet {name} ({entry.value}) gave a {type(net).__name__}; "
            "expected a latbase.supernets.Supernet."
        )
    return net


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else f"the package of {entry.module}"

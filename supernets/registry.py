"""Supernets by name: entry points of the group ``latbase.supernets``, or a class in a file."""

import difflib
import importlib.util
import json
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from latbase.errors import SupernetError, UnknownNameError
from latbase.identity import content_id
from latbase.supernets.exported import SUBNET_FILE, ExportedSupernet
from latbase.supernets.own import OwnSupernet
from latbase.supernets.supernet import Supernet

GROUP = "latbase.supernets"
"""Entry-point group; each entry is a callable without arguments that returns a supernet."""


def names() -> list[str]:
    """Return the names of all installed supernets, sorted."""
    return sorted(_entries())


def load(name: str) -> Supernet:
    """Return the supernet called ``name``; ``path/to/file.py:Name`` takes it from a file.

    The directory of an exported sub-network is its supernet with the weights of that sub-network.

    Raises:
        UnknownNameError: nothing has that name; the message lists what is installed.
        SupernetError: the package or file behind the name fails, or gives something else.
    """
    path, _, attribute = name.rpartition(":")
    if path.endswith(".py"):
        return _made(name, lambda: _from_file(Path(path), attribute), f"Repair {path}.")
    if (Path(name) / SUBNET_FILE).is_file():
        return _made(name, lambda: partial(_exported, Path(name)), "Export it again.")
    entries = _entries()
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise UnknownNameError(
            f"There is no supernet {name}.{hint} Installed: {', '.join(sorted(entries))}; "
            "or give path/to/file.py:Name."
        )
    entry = entries[name]
    advice = f"Repair or uninstall {entry.dist.name if entry.dist else entry.module}."
    return _made(f"{name} ({entry.value})", entry.load, advice)


def _made(name: str, find: Callable[[], Callable[[], object]], advice: str) -> Supernet:
    """Find the supernet's class or function, call it, and check what comes.

    Anything with ``parameters`` that is no :class:`Supernet` is a user's own.
    """
    try:
        net = find()()
        if not isinstance(net, Supernet) and hasattr(net, "parameters"):
            net = OwnSupernet(net)
    except (UnknownNameError, SupernetError):
        raise
    except (Exception, SystemExit) as error:  # a script's argparse or exit is not ours
        raise SupernetError(
            f"Supernet {name} does not load ({type(error).__name__}: {error}). {advice}"
        ) from error
    if not isinstance(net, Supernet):
        raise SupernetError(
            f"Supernet {name} gave a {type(net).__name__}; expected a class with parameters and "
            f"build (see docs/own-supernet.md), or a latbase.supernets.Supernet. {advice}"
        )
    return net


def _from_file(path: Path, attribute: str) -> Callable[[], object]:
    """Run the file as a module and return its ``attribute``."""
    unique = content_id("file", {"path": str(path.resolve())})
    spec = importlib.util.spec_from_file_location(f"latbase_file_{path.stem}_{unique}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UnknownNameError(f"There is no Python file {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and inspect look their module up
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        raise UnknownNameError(f"{path} defines no {attribute}.")
    found: Callable[[], object] = getattr(module, attribute)
    return found


def _exported(folder: Path) -> Supernet:
    record = json.loads((folder / SUBNET_FILE).read_text())
    return ExportedSupernet(load(record["loads_as"]), record["config"], folder)


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}

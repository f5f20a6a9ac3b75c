"""Find what a name stands for: one of ours, or a user's own by import path."""

from collections.abc import Mapping
from importlib import import_module

from latbase.errors import UnknownNameError


def resolve(what: str, name: str, known: Mapping[str, str]) -> object:
    """Import what ``name`` stands for.

    Args:
        what: what is being named, for the message: ``tactic``, ``algorithm``, …
        name: a key of ``known``, or ``package.module:attribute``.
        known: import paths by name.

    Raises:
        UnknownNameError: no such name, or the import path leads nowhere.
    """
    path = known.get(name, name)
    module, colon, attribute = path.partition(":")
    if not colon:
        raise UnknownNameError(
            f"There is no {what} {name!r}; there are {', '.join(known)}, "
            "or name your own as package.module:attribute."
        )
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownNameError(f"The {what} {path!r} cannot be imported: {error}.") from error

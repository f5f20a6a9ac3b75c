"""Find what a name stands for: one of ours, or a user's own by import path."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

from latbase.errors import SearchError, UnknownNameError


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
    except Exception as error:  # a user's module may raise anything while it is imported
        missing = isinstance(error, ModuleNotFoundError)
        advice = " Install it, or put its folder on PYTHONPATH." if missing else ""
        raise UnknownNameError(
            f"The {what} {path!r} cannot be imported: {type(error).__name__}: {error}.{advice}"
        ) from error


@contextmanager
def users_code(what: str, name: str, place: str) -> Iterator[None]:
    """Put the import path of a user's code on errors that come from it; leave ours as they are.

    Args:
        what: what ``name`` is, for the message.
        name: one of ours, or ``package.module:attribute``.
        place: where the error came from: its factory, a method, …

    Raises:
        SearchError: the user's code raised something.
    """
    try:
        yield
    except Exception as error:
        if ":" not in name:
            raise
        raise SearchError(
            f"Your {what} {name!r} failed in {place}: {type(error).__name__}: {error}"
        ) from error

"""Packages that latbase does without until somebody asks for them."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from latbase.errors import InvalidInputError


def require(name: str, *, extra: str | None = None) -> None:
    """Refuse to go on without the package ``name``, which comes with ``extra``.

    Raises:
        InvalidInputError: it is not installed; the message says by which extra it comes.
    """
    if find_spec(name) is None:
        raise InvalidInputError(
            f"{name} is not installed; run: pip install 'latbase[{extra or name}]'."
        )


def package(name: str, *, extra: str | None = None) -> ModuleType:
    """Import an optional package; raises as :func:`require`."""
    require(name, extra=extra)
    return import_module(name)

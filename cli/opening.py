"""Open the store that the settings name, with the token and certificate a service may want."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db import Store


def open_store(settings: Settings, *, read_only: bool = False) -> "Store":
    """Open the user's store; the caller closes it.

    Raises:
        StoreError: it cannot be opened; the message says why and what to do.
    """
    from latbase import db

    return db.connect(
        settings.store,
        read_only=read_only,
        token=read_token(settings.token_file),
        certificate=settings.certificate,
    )


def read_token(file: Path | None) -> str | None:
    """Return the token in ``file``, if there is one."""
    if file is None:
        return None
    try:
        return file.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.FileError(str(file), hint=str(error)) from error

"""Open the store that the settings name, with the token and certificate a service may want."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from latbase.errors import InvalidInputError
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
    """Return the token in ``file``, if there is one.

    Raises:
        InvalidInputError: the file cannot be read, or holds no token.
    """
    if file is None:
        return None
    try:
        token = file.expanduser().read_text("ascii").strip()
    except OSError as error:
        raise InvalidInputError(
            f"The token file {file} cannot be read ({error.strerror}); name it with --token-file."
        ) from error
    except UnicodeDecodeError:
        token = ""
    if not re.fullmatch(r"[!-~]+", token):
        raise InvalidInputError(
            f"{file} is no token file: expected the one line that latbase token create printed."
        )
    return token

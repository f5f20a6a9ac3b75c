"""Files of trained weights: a path, an address, or the supernet's published ones.

Beside every downloaded file stands its SHA-256, checked whenever the file is used again.
"""

import hashlib
import pickle
import shutil
import tempfile
import textwrap
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from latbase.errors import InvalidInputError

PRETRAINED = "pretrained"
"""Asks for the weights the supernet's authors publish."""

TIMEOUT_S = 30.0
"""How long a server may be silent."""

_QUOTED = 300
"""Characters of what torch says about a file: it lists every tensor that is missing."""


def located(name: str, folder: Path, published: str | None) -> Path:
    """Return the file that ``name`` stands for, downloaded if need be.

    Args:
        name: a path, an ``http(s)`` address, or ``pretrained``.
        folder: where downloads are kept.
        published: address of the supernet's own weights; None if there are none.

    Raises:
        InvalidInputError: there is no such file, the address does not answer, or a download is not
            what it was.
    """
    if name == PRETRAINED:
        if published is None:
            raise InvalidInputError(
                "This supernet's authors publish no weights; give a file with --weights."
            )
        name = published
    if not name.startswith(("http://", "https://")):
        path = Path(name).expanduser()
        if not path.is_file():
            raise InvalidInputError(f"There is no file of weights {path}.")
        return path
    kept = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}-{name.rsplit('/', 1)[1]}"
    proof = kept.with_name(f"{kept.name}.sha256")
    if not (kept.is_file() and proof.is_file()):
        _download(name, kept, proof)
    if checksum(kept) != proof.read_text().strip():
        raise InvalidInputError(
            f"{kept} is not the file that was downloaded from {name}: its checksum differs. Remove "
            "it and its .sha256, then run the same again."
        )
    return kept


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        InvalidInputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error


def unfit(path: Path, network: str, error: Exception) -> InvalidInputError:
    """Return what to raise where reading the weights of ``network`` failed with ``error``."""
    found = f"{type(error).__name__}: {textwrap.shorten(str(error), _QUOTED, placeholder=' …')}"
    if isinstance(error, pickle.UnpicklingError):  # torch's advice: let the file run its code
        found = "it is no file of tensors"
    return InvalidInputError(
        f"{path} holds no weights of {network} ({found}). Give a supernet checkpoint of the same "
        "space."
    )


def _download(address: str, target: Path, proof: Path) -> None:
    """Fetch into a temporary folder first, so that what is kept is whole."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
            urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer,  # noqa: S310 - http(s)
        ):
            fetched = Path(folder) / target.name
            with fetched.open("wb") as file:
                shutil.copyfileobj(answer, file)
            size = fetched.stat().st_size
            if size != int(answer.headers.get("Content-Length", size)):  # reading just ends early
                raise URLError(f"it broke off after {size} bytes; run the same again")
            fetched.replace(target)
        proof.write_text(f"{checksum(target)}\n")
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise InvalidInputError(
            f"The weights at {address} cannot be downloaded ({getattr(error, 'reason', error)}). "
            "If the link is dead, find the file elsewhere and give its path with --weights."
        ) from error

"""Settings: defaults < configuration file < environment < command-line flags, read once.

The command line builds one :class:`Settings` and passes it down; nothing else reads the
environment for configuration.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import platformdirs

from latbase.errors import InvalidInputError

CONFIG_VARIABLE = "LATBASE_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command needs to know before it starts.

    Attributes:
        store: path of a DuckDB file, or ``http(s)://host:port`` of a service.
        token_file: file holding the token for a remote service, mode 0600.
        certificate: PEM file of the authority that signed a service's certificate; None trusts
            the system's authorities.
        state_dir: where this host spools measurements until the store has them.
    """

    store: str
    token_file: Path | None
    certificate: Path | None
    state_dir: Path


def defaults() -> Settings:
    """Return the settings of a user who configured nothing."""
    data = Path(platformdirs.user_data_dir("latbase"))
    state = Path(platformdirs.user_state_dir("latbase"))
    return Settings(
        store=str(data / "latency.duckdb"), token_file=None, certificate=None, state_dir=state
    )


def load(
    *,
    environ: Mapping[str, str] = os.environ,
    store: str | None = None,
    token_file: Path | None = None,
) -> Settings:
    """Read the configuration file and the environment, then apply the flags given.

    Raises:
        InvalidInputError: the configuration file is not TOML or has unknown keys, or the user has
            no home directory to look for it.
    """
    try:
        return _load(environ, store, token_file)
    except RuntimeError as error:  # of pathlib and platformdirs
        raise InvalidInputError(
            "This user has no home directory; set HOME to the directory that latbase may use."
        ) from error


def _load(environ: Mapping[str, str], store: str | None, token_file: Path | None) -> Settings:
    named = environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else Path(platformdirs.user_config_dir("latbase")) / "config.toml"
    values: dict[str, str] = _read(path, required=named is not None)
    for key in _KEYS:
        if found := environ.get(f"LATBASE_{key.upper()}"):
            values[key] = found
    if store is not None:
        values["store"] = store
    if token_file is not None:
        values["token_file"] = str(token_file)
    return _typed(values)


def _typed(values: Mapping[str, str]) -> Settings:
    base = defaults()
    token_file, certificate = values.get("token_file"), values.get("certificate")
    return Settings(
        store=values.get("store", base.store),
        token_file=Path(token_file).expanduser() if token_file else None,
        certificate=Path(certificate).expanduser() if certificate else None,
        state_dir=Path(values.get("state_dir", base.state_dir)).expanduser(),
    )


_KEYS = tuple(field.name for field in fields(Settings))


def _read(path: Path, *, required: bool) -> dict[str, str]:
    if not path.exists():
        if required:
            raise InvalidInputError(f"{CONFIG_VARIABLE} names {path}, which does not exist.")
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read as TOML: {error}.") from error
    unknown = sorted(set(values) - set(_KEYS))
    if unknown:
        raise InvalidInputError(
            f"{path} has unknown keys {', '.join(unknown)}; it may set {', '.join(_KEYS)}."
        )
    wrong = [key for key, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise InvalidInputError(f"{path}: {', '.join(wrong)} must be text in quotes.")
    return values

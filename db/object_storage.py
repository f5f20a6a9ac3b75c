"""Measurements on object storage: S3, or what speaks like it, through DuckDB's ``httpfs``.

Keys, region and address come from the environment variables that every S3 client reads:
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION`` (or
``AWS_DEFAULT_REGION``) and ``AWS_ENDPOINT_URL``.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import duckdb

from latbase.errors import InvalidInputError, StoreError

EXTENSION = "httpfs"

PROBE = "latbase-probe.parquet"
"""Written before a new lake is made, to know that the bucket can be."""

_AMAZON = "us-east-1"
"""The region where none is named; other makers of storage ignore it."""


def is_address(data: str) -> bool:
    """Say whether ``data`` is an address of object storage, and no directory."""
    return data.startswith("s3://")


def normalised(data: str) -> str:
    """Return ``data`` with one slash at its end; a path type may have eaten one of ``s3://``."""
    return re.sub(r"^s3:/+", "s3://", data).rstrip("/") + "/"


def open_storage(
    connection: duckdb.DuckDBPyConnection,
    address: str,
    environment: Mapping[str, str] = os.environ,
    *,
    new: bool,
) -> None:
    """Let ``connection``, which has loaded the extension, use ``address``, and see that it works.

    Args:
        connection: keeps the keys in memory only.
        address: ``s3://bucket/prefix/``.
        environment: where the keys are.
        new: whether it must take a file before anything else is made.

    Raises:
        InvalidInputError: the environment has no keys, or an address that is none.
        StoreError: the storage does not answer, or refuses.
    """
    options = ", ".join(
        f"{name} '{value.replace(chr(39), chr(39) * 2)}'"
        for name, value in _secret(address, environment).items()
    )
    probe = f"{address}{PROBE}".replace("'", "''")
    try:
        connection.execute(f"CREATE OR REPLACE SECRET storage (TYPE s3, {options})")
        if new:
            connection.execute(f"COPY (SELECT 1 AS written) TO '{probe}' (FORMAT parquet)")
        connection.execute(f"SELECT count(*) FROM glob('{probe}')").fetchall()
    except duckdb.Error as error:
        where = environment.get("AWS_ENDPOINT_URL", "Amazon")
        raise StoreError(
            f"The storage {address} of {where} cannot be used: {_first_line(error)} Nothing was "
            "written. Make the bucket, and check keys, region and AWS_ENDPOINT_URL."
        ) from error


def _secret(address: str, environment: Mapping[str, str]) -> dict[str, str]:
    key, secret = (environment.get(f"AWS_{n}") for n in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    if not key or not secret:
        raise InvalidInputError(
            f"{address} needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
            "environment of every process that opens this store."
        )
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or _AMAZON
    options = {"KEY_ID": key, "SECRET": secret, "REGION": region, "SCOPE": address}
    if session := environment.get("AWS_SESSION_TOKEN"):
        options["SESSION_TOKEN"] = session
    if endpoint := environment.get("AWS_ENDPOINT_URL"):
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise InvalidInputError(
                f"AWS_ENDPOINT_URL is {endpoint!r}; expected e.g. https://storage.example:9000."
            )
        ssl = str(parts.scheme == "https").lower()
        options |= {"ENDPOINT": parts.netloc, "URL_STYLE": "path", "USE_SSL": ssl}
    return options


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."

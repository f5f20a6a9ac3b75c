"""Every error latbase raises on purpose.

A message states what was found, what was expected and the next thing to do; facts a program may
want are attributes. Libraries raise; only the command line prints and exits.
"""

from typing import ClassVar


class LatbaseError(Exception):
    """Root of all latbase errors: catch this to catch them all."""

    exit_code: ClassVar[int] = 1
    """Exit status of the command line when this error ends a command."""


class InvalidInputError(LatbaseError, ValueError):
    """A value the caller gave cannot be used; the message names it and what would be accepted."""

    exit_code = 2


class UnknownNameError(LatbaseError, LookupError):
    """A supernet, configuration, search, tactic or host of that name does not exist."""

    exit_code = 2


class SupernetError(LatbaseError):
    """A supernet (often a user's own class) broke its contract; the message names class and fix."""

    exit_code = 2


class StoreError(LatbaseError):
    """The latency store could not do what was asked."""

    exit_code = 3


class StoreBusyError(StoreError):
    """Another process owns the database file and offers no service."""


class StoreUnreachableError(StoreError):
    """The service does not answer; what was to be written is not lost, send it again later."""


class StoreAccessError(StoreError):
    """The token is missing, wrong, revoked or of another role; or the service is not trusted."""


class StoreVersionError(StoreError):
    """The store was written by a newer latbase or DuckDB than this one; upgrade and retry."""


class QueryRefusedError(StoreError, ValueError):
    """The SQL is not a single read-only statement, or DuckDB refused it."""


class QueryTimeoutError(StoreError, TimeoutError):
    """A query took longer than it was allowed and was stopped."""


class MeasurementError(LatbaseError):
    """A sub-network could not be measured on this host; the message carries the worker's reason."""

    exit_code = 4


class DeviceError(MeasurementError):
    """The device asked for does not exist or cannot be used on this host."""


class DaemonError(LatbaseError):
    """A daemon cannot run, or be installed, on this host as it is."""


class PredictorError(LatbaseError):
    """There is not enough data, or not the right data, to fit or apply a predictor."""

    exit_code = 5


class SearchError(LatbaseError):
    """A search was driven against its contract, or cannot continue."""

    exit_code = 5

"""The standing policy at work: a short process whenever the store has learned something."""

import dataclasses
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from latbase.cli.opening import open_store
from latbase.errors import InvalidInputError
from latbase.settings import Settings

if TYPE_CHECKING:
    from latbase.db import Store

RETRY_S = 300.0
"""Seconds until a refresh that failed is tried again."""

NEWS = """
SELECT (SELECT sum(stable + unstable + disturbed) FROM tally) AS measurements,
       (SELECT count(*) FROM configuration) AS configurations
"""
"""Changes when a policy may come to another judgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFresh:
    """Sample a supernet on this host's configurations until its latency is predicted well enough.

    Attributes:
        supernet: name, or ``path/to/file.py:Name``.
        error_percent: mean absolute error on held-out sub-networks that is good enough.
    """

    supernet: str
    error_percent: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``SUPERNET:PERCENT``; a per cent sign may follow.

        Raises:
            InvalidInputError: it is something else.
        """
        supernet, _, percent = text.rpartition(":")
        try:
            error_percent = float(percent.removesuffix("%"))
        except ValueError:
            error_percent = math.nan
        if not supernet or not 0 < error_percent < math.inf:
            raise InvalidInputError(
                f"{text!r} is no policy; write SUPERNET:PERCENT, e.g. ofa_resnet50:5."
            )
        return cls(supernet=in_any_folder(supernet), error_percent=error_percent)

    def __str__(self) -> str:
        return f"{self.supernet}:{self.error_percent:g}"


class Refill:
    """Starts ``latbase daemon refresh`` when the store has news since the last time.

    Predictors need torch and scikit-learn, which an idle daemon shall not carry.

    Args:
        arguments: of ``latbase daemon refresh``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "latbase", "daemon", "refresh", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: object = None
        self._not_before = float("-inf")

    def __call__(self, store: "Store") -> None:
        """Start the process if there is reason to and the last one has ended."""
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._process = None
            if status != 0:  # its own words are on stderr
                self._seen, self._not_before = None, time.monotonic() + RETRY_S
        if time.monotonic() < self._not_before:
            return
        news = store.query(NEWS).to_pylist()
        if news != self._seen:
            self._seen = news
            self._process = subprocess.Popen(self._command)


def refresh(settings: Settings, policies: Sequence[KeepFresh]) -> None:
    """Queue what the policies lack on this host's hardware."""
    from latbase import profiler, supernets
    from latbase.profiler import journal
    from latbase.searcher import policy

    hardware_id = profiler.fingerprint(settings.state_dir).hardware.hardware_id
    with open_store(settings) as store:
        for each in policies:
            network = supernets.load(each.supernet)
            for done in policy.top_up(store, network, hardware_id, each.error_percent):
                journal.say("profile_judged", supernet=network.name, **dataclasses.asdict(done))


def in_any_folder(supernet: str) -> str:
    """Return ``file.py:Name`` so that it holds in any working directory; names stay as they are."""
    path, _, name = supernet.rpartition(":")
    return f"{Path(path).expanduser().absolute()}:{name}" if path.endswith(".py") else supernet

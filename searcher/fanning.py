"""Spread appraisals over an executor: a process pool, a cluster, whatever offers its interface."""

import importlib
import logging
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self

from latbase import supernets
from latbase.errors import InvalidInputError, LatbaseError, SearchError, UnknownNameError

if TYPE_CHECKING:
    from latbase.supernets.accuracy.appraiser import Config

ATTEMPTS = 3
"""How often a sub-network is appraised whose worker was lost."""

log = logging.getLogger(__name__)


class Fan:
    """Appraises sub-networks of one supernet on the workers of an executor.

    Args:
        make: gives an executor; again after one broke, as process pools do when a worker dies.
        supernet: what its workers load: an installed name, or a file that they reach as well.
    """

    def __init__(self, make: Callable[[], Executor], supernet: str) -> None:
        self._make = make
        self._supernet = supernet
        self._executor = make()

    def appraise(self, objective: str, configs: "Sequence[Config]") -> Iterator[tuple[int, float]]:
        """Yield the position in ``configs`` and the value of each, as it becomes known.

        Raises:
            SupernetError: the appraiser broke its contract.
            SearchError: its workers were lost every time.
        """
        left, reason = dict(enumerate(configs)), ""
        for _ in range(ATTEMPTS):
            futures: dict[Future[float], int] = {}
            try:
                reason = self._submit(objective, left, futures)
                for future in as_completed(futures):
                    value, loss = _outcome(future)
                    if value is None:
                        reason = loss
                        continue
                    del left[futures[future]]
                    yield futures[future], value
            finally:
                for future in futures:
                    future.cancel()
            if not left:
                return
            log.warning("%d sub-networks lost their worker (%s)", len(left), reason)
            self._executor.shutdown(wait=False)
            self._executor = self._make()
        raise SearchError(
            f"{len(left)} sub-networks lost their worker {ATTEMPTS} times while {objective} was "
            f"appraised, last with {reason}. What is known is stored; look at the workers, then "
            "run the same command again."
        )

    def _submit(
        self, objective: str, left: "Mapping[int, Config]", futures: dict[Future[float], int]
    ) -> str:
        """Hand in what is left; what an executor that breaks meanwhile refuses stays left."""
        try:
            for position, config in left.items():
                futures[self._executor.submit(appraise, self._supernet, objective, config)] = (
                    position
                )
        except BrokenExecutor as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()


def _outcome(future: Future[float]) -> tuple[float | None, str]:
    """Return the value, or None and how the worker was lost; what latbase itself says is raised."""
    try:
        return future.result(), ""
    except LatbaseError:
        raise
    except Exception as error:  # noqa: BLE001 - every executor has its own errors for a loss
        return None, f"{type(error).__name__}: {error}"


def appraise(supernet: str, objective: str, config: "Config") -> float:
    """Return one value; runs on a worker, which loads the supernet once.

    Raises:
        SupernetError: the supernet does not load, or the appraiser broke its contract.
    """
    return _loaded(supernet).appraisers[objective](config)


_loaded = cache(supernets.load)


def executor_maker(name: str) -> Callable[[], Executor]:
    """Return what ``module:callable`` or ``path/to/file.py:callable`` names.

    Raises:
        UnknownNameError: there is no such thing.
        InvalidInputError: calling it gives no executor.
    """
    module, _, attribute = name.rpartition(":")
    try:
        found = (
            runpy.run_path(module)[attribute]
            if module.endswith(".py")
            else getattr(importlib.import_module(module), attribute)
        )
    except Exception as error:  # a user's file may fail in any way
        raise UnknownNameError(
            f"There is no executor {name} ({error}); name a callable that gives one, such as "
            "concurrent.futures:ProcessPoolExecutor or path/to/cluster.py:executor."
        ) from error

    def make() -> Executor:
        try:
            executor = found()
        except Exception as error:
            raise InvalidInputError(
                f"{name} failed ({type(error).__name__}: {error}); repair it, or start the cluster."
            ) from error
        if not isinstance(executor, Executor):
            raise InvalidInputError(
                f"{name} gave a {type(executor).__name__}; expected a concurrent.futures.Executor, "
                "such as Client(…).get_executor() of Dask."
            )
        return executor

    return make

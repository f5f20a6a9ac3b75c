"""One memory before every algorithm: nothing is proposed twice, and what is known is told at once.

Evolution on few whole numbers comes back to the same sub-networks all the time, and an algorithm
that never hears of a candidate it asked for cannot learn that it led nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.naming import users_code
from latbase.searcher.objectives import Minimised
from latbase.searcher.problem import keys

if TYPE_CHECKING:
    from latbase.searcher.algorithms import Algorithm, Setting

PATIENCE = 500
"""Known sub-networks in a row that an algorithm may ask for before it begins anew."""


class Remembering:
    """Pass on what an algorithm asks for the first time, and tell it all that it asked for.

    One that ends, or has nothing new to ask for, begins anew with another seed: a local search has
    found its optimum, and there are others. Where repeating costs nothing, it has done its work.

    Args:
        make: makes the algorithm, ours or a user's. What it asks for need not be canonical,
            distinct or new.
        name: what the user called it, for messages.
        setting: what the algorithm is made from.
    """

    def __init__(
        self, make: "Callable[[Setting], Algorithm]", name: str, setting: "Setting"
    ) -> None:
        self._make = make
        self._name = name
        self._setting = setting
        self._space = setting.problem.space
        # Some draw from numpy's one generator for everybody (pymoo's CMA-ES): each has its own.
        self._draws = np.random.RandomState(setting.seed).get_state()
        with self._own_draws():
            self._algorithm = make(setting)
        self._asked = setting.initial[:0]
        self._given: set[bytes] = set()
        self._known: dict[bytes, tuple[Values, float]] = {}

    def ask(self) -> Genotypes:
        """Return what is asked for and not known, canonical; nothing if there is none."""
        with self._own_draws():
            fresh = self._first_new()
            if not len(fresh) and self._setting.history is not None:
                self._begin_anew()
                fresh = self._first_new()
        return fresh

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Learn the outcome of (k, p) genotypes, and hand on all that is known of what was asked.

        An algorithm hears first of what it asked for, in that order and with repetitions, then of
        what it did not ask for; never of failed evaluations, and never of nothing.
        """
        self._known.update(
            zip(keys(genotypes), zip(outcome.points, outcome.violation, strict=True), strict=True)
        )
        asked = set(keys(self._asked))
        strangers = genotypes[[key not in asked for key in keys(genotypes)]]
        with self._own_draws():
            self._hand_on(np.vstack([self._asked, strangers]))
        self._asked = self._asked[:0]

    def _begin_anew(self) -> None:
        seed = self._setting.seed + 1
        drawn = self._space.sample(self._setting.population, seed)
        self._setting = replace(self._setting, seed=seed, initial=drawn)
        self._algorithm = self._make(self._setting)

    def _first_new(self) -> Genotypes:
        """Ask until something is new, and tell at once what is known."""
        repeated = 0
        while repeated < PATIENCE:
            self._asked = self._next()
            fresh = self._unknown(self._asked)
            if len(fresh) or not len(self._asked):
                return fresh
            repeated += len(self._asked)
            self._hand_on(self._asked)
        return self._asked[:0]

    def _next(self) -> Genotypes:
        """Ask, and check what comes."""
        with users_code("algorithm", self._name, "ask()"):
            asked = np.asarray(self._algorithm.ask())
        if not asked.size:
            return self._asked[:0]
        with users_code("algorithm", self._name, "what it asked for"):
            self._space.validate(asked)
        return self._space.canonical(asked.astype(np.int8))

    def _unknown(self, genotypes: Genotypes) -> Genotypes:
        """Return what was never given out nor told, each once; from now on it is given out."""
        fresh = []
        for row, key in enumerate(keys(genotypes)):
            if key not in self._given and key not in self._known:
                fresh.append(row)
                self._given.add(key)
        return genotypes[fresh]

    def _hand_on(self, genotypes: Genotypes) -> None:
        """Tell the algorithm what is known of these."""
        known = [key in self._known for key in keys(genotypes)]
        if any(known):
            rows = [self._known[key] for key in keys(genotypes[known])]
            points = np.array([point for point, _ in rows])
            violation = np.array([excess for _, excess in rows])
            outcome = Minimised(points=points, violation=violation)
            with users_code("algorithm", self._name, "tell()"):
                self._algorithm.tell(genotypes[known], outcome)

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        """Put the algorithm's own state into numpy's global generator for a while."""
        others = np.random.get_state()  # noqa: NPY002 - that is what they draw from
        np.random.set_state(self._draws)  # noqa: NPY002
        try:
            yield
        finally:
            self._draws = np.random.get_state()  # noqa: NPY002
            np.random.set_state(others)  # noqa: NPY002

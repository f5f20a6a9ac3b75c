"""The ask/tell face of every search: whoever evaluates drives it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latbase.errors import SearchError
from latbase.searcher.algorithms import ALGORITHMS
from latbase.searcher.knowledge import Genotypes, Knowledge, Values
from latbase.searcher.naming import resolve, users_code
from latbase.searcher.objectives import Objective
from latbase.searcher.predictors.fitting import AUTO, KINDS, LEAST_ROWS
from latbase.searcher.problem import History, Problem, keys
from latbase.searcher.tactics.registry import Options, make_tactic
from latbase.searcher.threads import one_thread

if TYPE_CHECKING:
    from latbase.supernets import SearchSpace


class Search:
    """One search for the best sub-networks of a space.

    ``ask`` gives sub-networks never evaluated before, ``tell`` takes their values, ``front`` is
    what was found so far. The same space, objectives, options, seed and values give the same
    search in every process, so a stored search resumes by :meth:`replay`. Not thread-safe.

    Args:
        space: the sub-networks to choose from.
        objectives: what the columns of the values are; at least one is optimised.
        tactic: a name of :func:`latbase.searcher.tactic_names`.
        seed: every random choice follows from it.
        algorithm: evolutionary algorithm inside the tactic, by name or ``module:factory``.
        predictor: kind of predictor inside the tactic, or ``auto``; None lets the tactic choose.
        population: sub-networks per ask; None lets the tactic choose.
        training: evaluations a predictors-first search spends before it predicts, at least three.
        knowledge: what other configurations have taught.

    Raises:
        SearchError: the objectives or options do not make a search.
        UnknownNameError: no tactic, algorithm or predictor has that name.
    """

    def __init__(
        self,
        space: "SearchSpace",
        objectives: Sequence[Objective],
        tactic: str = "auto",
        seed: int = 0,
        *,
        algorithm: str = "nsga2",
        predictor: str | None = None,
        population: int | None = None,
        training: int = 100,
        knowledge: Knowledge | None = None,
    ) -> None:
        seed = _whole("seed", seed, 0)
        population = None if population is None else _whole("population", population, 1)
        training = _whole("training", training, LEAST_ROWS)
        resolve("algorithm", algorithm, ALGORITHMS)  # what a tactic does not use is checked too
        if predictor is not None and predictor != AUTO:
            resolve("predictor", predictor, KINDS)
        self.problem = Problem(
            space=space,
            objectives=_checked(objectives),
            knowledge=knowledge or Knowledge(),
            seed=seed,
        )
        options = Options(
            algorithm=algorithm, predictor=predictor, population=population, training=training
        )
        self._history = History(space.p, len(objectives))
        self._tactic_name = tactic
        self._tactic = make_tactic(tactic, self.problem, options)
        self._asked: Genotypes = self._history.genotypes
        self._answers: dict[bytes, Values] = {}

    @property
    def pending(self) -> Genotypes:
        """Sub-networks asked and not yet told, int8 (k, p)."""
        return self._asked[[key not in self._answers for key in keys(self._asked)]]

    @property
    def evaluations(self) -> tuple[Genotypes, Values]:
        """Everything told or recorded, in the order asked: int8 (n, p) and float (n, m)."""
        told = [key in self._answers for key in keys(self._asked)]
        values = [self._answers[key] for key in keys(self._asked[told])]
        return (
            np.vstack([self._history.genotypes, self._asked[told]]),
            np.vstack([self._history.values, *values]),
        )

    def ask(self) -> Genotypes:
        """Return the next sub-networks to evaluate, int8 (k, p) with k >= 1, none seen before.

        Raises:
            SearchError: earlier ones still wait for their values, every sub-network of the space
                has been evaluated, or the user's tactic raised something.
        """
        if len(self.pending):
            raise SearchError(
                f"{len(self.pending)} sub-networks asked before have no values yet (see pending): "
                "tell them, as rows of NaN where the evaluation failed, then ask again."
            )
        if len(self._history) >= self.problem.space.size:
            raise SearchError(
                f"All {self.problem.space.size} sub-networks of the space have been evaluated."
            )
        with one_thread(), users_code("tactic", self._tactic_name, "ask()"):
            proposed = self._tactic.ask(self._history)
            self.problem.space.validate(proposed)
        proposed = self._history.fresh(self.problem.space.canonical(proposed))
        self._asked = proposed if len(proposed) else self._unseen()
        return self._asked.copy()

    def tell(self, genotypes: Genotypes, values: Values) -> None:
        """Give values of sub-networks that were asked, all or some of them, in any order.

        Args:
            genotypes: int8 (k, p), of :attr:`pending`.
            values: float (k, m), in the objectives' own units and senses. A row with a NaN is a
                failed evaluation: it is kept, never asked again and never on the front.

        Raises:
            SearchError: shapes disagree, a value is infinite, or a sub-network was not asked or is
                told twice. Nothing is recorded then.
        """
        genotypes, values = self._matched(genotypes, values)
        told = keys(genotypes)
        waiting = set(keys(self.pending))
        strangers = sum(key not in waiting for key in told)
        if strangers:
            raise SearchError(
                f"{strangers} of {len(told)} sub-networks told are not waiting for values "
                f"({len(waiting)} are): tell what ask() returned, once; "
                "use record() for evaluations made elsewhere."
            )
        self._answers.update(zip(told, values, strict=True))
        if not len(self.pending):
            self._history.append(*self._take_answers())

    def record(self, genotypes: Genotypes, values: Values) -> None:
        """Add evaluations this search did not ask for; they count as evaluated from now on.

        Args:
            genotypes: int8 (k, p), none evaluated before.
            values: float (k, m), as for :meth:`tell`.

        Raises:
            SearchError: shapes disagree, a value is infinite, a sub-network was evaluated already,
                or asked ones still wait for their values.
        """
        if len(self.pending):
            raise SearchError("record() comes before ask() or after tell(), not between them.")
        genotypes, values = self._matched(genotypes, values)
        if len(self._history.fresh(genotypes)) < len(genotypes):
            raise SearchError("record() was given a sub-network that is already evaluated.")
        self._history.append(genotypes, values)

    def replay(self, genotypes: Genotypes, values: Values) -> None:
        """Bring a new search to where a stored one stopped, by asking and telling again.

        Args:
            genotypes: int8 (n, p), all that was told then, in any order.
            values: float (n, m), what was told.

        Raises:
            SearchError: this search asks for something else than the stored one did: the space,
                objectives, options, seed, knowledge or latbase version differ.
        """
        genotypes, values = self._matched(genotypes, values)
        stored = dict(zip(keys(genotypes), values, strict=True))
        while stored:
            asked = self.pending if len(self.pending) else self.ask()
            known = asked[[key in stored for key in keys(asked)]]
            if not len(known):
                raise SearchError(
                    f"The stored search went another way ({len(stored)} of its evaluations are "
                    "not asked for): space, objectives, options, seed, knowledge or latbase "
                    "version differ. Start a new search."
                )
            self.tell(known, np.vstack([stored.pop(key) for key in keys(known)]))

    def front(self) -> tuple[Genotypes, Values]:
        """Return the feasible non-dominated evaluations, int8 (k, p) and float (k, m).

        They are ordered by the first optimised objective, best first; k may be 0.
        """
        genotypes, values = self.evaluations
        outcome = self.problem.minimised(values)
        rows = np.flatnonzero(outcome.front())
        rows = rows[np.argsort(outcome.points[rows, 0], kind="stable")]
        return genotypes[rows], values[rows]

    def _take_answers(self) -> tuple[Genotypes, Values]:
        asked, answers = self._asked, self._answers
        self._asked, self._answers = asked[:0], {}
        return asked, np.vstack([answers[key] for key in keys(asked)])

    def _unseen(self) -> Genotypes:
        """Draw what the tactic did not find: one more distinct draw than were evaluated has one."""
        drawn = self.problem.space.sample(len(self._history) + 1, self.problem.seed)
        return self._history.fresh(drawn)[:1]

    def _matched(self, genotypes: Genotypes, values: Values) -> tuple[Genotypes, Values]:
        """Check shapes and canonicalise.

        Raises:
            SearchError: as :meth:`tell` says.
        """
        # A copy: answers told in parts wait, and the caller may write the next into the same array.
        genotypes, values = np.asarray(genotypes), np.array(values, dtype=np.float64)
        p, m = self.problem.space.p, len(self.problem.objectives)
        if genotypes.ndim != 2 or genotypes.shape[1] != p:  # noqa: PLR2004 - a matrix
            raise SearchError(f"Genotypes have shape {genotypes.shape}; expected (k, {p}).")
        if values.shape != (len(genotypes), m):
            names = ", ".join(objective.name for objective in self.problem.objectives)
            raise SearchError(
                f"Values have shape {values.shape}; expected ({len(genotypes)}, {m}): "
                f"one row per sub-network, columns {names}."
            )
        if np.isinf(values).any():
            raise SearchError("Values must be finite; a failed evaluation is a row with NaN.")
        self.problem.space.validate(genotypes)
        canonical = self.problem.space.canonical(genotypes)
        if len(set(keys(canonical))) < len(canonical):
            raise SearchError("The same sub-network is given twice in one call; give it once.")
        return canonical, values


def _checked(objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    names = [objective.name for objective in objectives]
    if not any(objective.optimize for objective in objectives):
        raise SearchError("A search needs at least one objective to optimise.")
    if len(set(names)) < len(names):
        raise SearchError(f"Objectives {', '.join(names)} repeat a name; give each once.")
    return tuple(objectives)


def _whole(name: str, value: object, least: int) -> int:
    """Return an option as Python's int, which the store can keep; True is not 1 here."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SearchError(f"The {name} is {value!r}; expected a whole number, {least} or more.")
    return int(value)

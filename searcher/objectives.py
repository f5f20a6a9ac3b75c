"""What a search optimises and what it must respect.

Values are in an objective's own unit and sense everywhere outside; :func:`minimised` is the one
place where they become minimised objectives and a violation.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.searcher import pareto

Values = npt.NDArray[np.float64]

MAXIMIZED = ("top1", "bleu", "naswot", "throughput_items_per_s")
"""Names whose larger values are better when text does not say which way to go."""

SUFFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}

_GRAMMAR = re.compile(
    r"(?:(?P<sense>min|max):)?(?P<name>[A-Za-z]\w*)"
    r"(?P<bounds>(?:\s*(?:<=|>=)\s*[-+.\w]+(?:\s+[kMG]\b)?)*)"
)
_BOUND = re.compile(r"(<=|>=)\s*([-+.\w]+(?:\s+[kMG]\b)?)")
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([kMG]?)")


@dataclass(frozen=True, slots=True)
class Objective:
    """One column of the values a search is told.

    Attributes:
        name: what it is, with its unit: ``top1``, ``latency_ms``, ``macs``, …
        maximize: whether larger is better.
        at_most: largest acceptable value, in its own unit.
        at_least: smallest acceptable value, in its own unit.
        optimize: False for a column that only has to stay within its bounds.

    Raises:
        InvalidInputError: the name is empty, or the bounds are missing, crossed or not finite.
    """

    name: str
    maximize: bool = False
    _: KW_ONLY
    at_most: float | None = None
    at_least: float | None = None
    optimize: bool = True

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if not self.name:
            raise InvalidInputError("An objective needs a name such as 'latency_ms'.")
        if not all(math.isfinite(bound) for bound in bounds) or bounds != sorted(bounds):
            raise InvalidInputError(
                f"Objective {self.name!r} must lie between {self.at_least} and {self.at_most}: "
                "give finite bounds, the lower one first."
            )
        if not self.optimize and not bounds:
            raise InvalidInputError(
                f"{self.name!r} is not optimised and has no bound: it would have no effect. "
                "Give at_most or at_least."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimised:
    """Objective vectors as algorithms see them.

    Attributes:
        points: float (n, k), the optimised columns, every one minimised; NaN where a column of the
            values is missing, optimised or not.
        violation: float (n,), 0 where every bound holds, else the summed relative excess.
    """

    points: Values
    violation: Values

    @property
    def feasible(self) -> npt.NDArray[np.bool_]:
        """Rows that were evaluated and keep every bound, bool (n,)."""
        return np.asarray(self.violation == 0) & pareto.complete(self.points)

    def ranks(self) -> npt.NDArray[np.intp]:
        """Rank rows, 0 the best, int (n,).

        Feasible fronts come first, then what breaks a bound, by rising violation, then failures.
        """
        found = np.zeros(len(self.points), dtype=np.intp)
        kept, complete = self.feasible, pareto.complete(self.points)
        broken = complete & ~kept
        found[kept] = pareto.ranks(self.points[kept])
        found[~kept] = found[kept].max(initial=-1) + 1
        found[broken] += np.unique(self.violation[broken], return_inverse=True)[1]
        found[~complete] = found[complete].max(initial=-1) + 1
        return found

    def front(self) -> npt.NDArray[np.bool_]:
        """Return the feasible rows that no other feasible row dominates, bool (n,)."""
        on_front = self.feasible
        on_front[on_front] = pareto.non_dominated(self.points[on_front])
        return on_front

    @classmethod
    def stacked(cls, parts: "Sequence[Minimised]") -> "Minimised":
        """Put outcomes one after the other."""
        return cls(
            points=np.vstack([part.points for part in parts]),
            violation=np.concatenate([part.violation for part in parts]),
        )

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Minimised":
        """Return the chosen rows, given as a mask or as positions."""
        return Minimised(points=self.points[chosen], violation=self.violation[chosen])


def minimised(objectives: Sequence[Objective], values: Values) -> Minimised:
    """Convert ``values``, float (n, m) in the objectives' units and senses."""
    values = np.where(pareto.complete(values)[:, None], values, np.nan)
    signs = [-1.0 if o.maximize else 1.0 for o in objectives if o.optimize]
    optimised = [column for column, o in enumerate(objectives) if o.optimize]
    violation = np.zeros(len(values))
    for column, objective in enumerate(objectives):
        violation += _excess(objective, values[:, column])
    return Minimised(points=values[:, optimised] * signs, violation=violation)


def _excess(objective: Objective, column: Values) -> Values:
    excess = np.zeros(len(column))
    for bound, sign in ((objective.at_most, 1.0), (objective.at_least, -1.0)):
        if bound is not None:
            excess += np.maximum(sign * (column - bound), 0.0) / (abs(bound) or 1.0)
    return excess


def parse_objective(text: str) -> Objective:
    """Read ``[min:|max:]NAME[<=NUMBER][>=NUMBER]``, e.g. ``latency_ms<=20`` or ``max:top1``.

    Numbers may end in k, M or G. Without ``min:`` or ``max:`` the names of :data:`MAXIMIZED` are
    maximised and all others minimised.

    Raises:
        InvalidInputError: the text does not follow that form.
    """
    found = _GRAMMAR.fullmatch(text.strip())
    if not found:
        raise InvalidInputError(
            f"{text!r} is no objective: write NAME, max:NAME or NAME<=NUMBER, "
            "for example top1 or 'latency_ms<=20'."
        )
    name, sense = found["name"], found["sense"]
    bounds = {sign: _number(number, text) for sign, number in _BOUND.findall(found["bounds"])}
    return Objective(
        name,
        maximize=name in MAXIMIZED if sense is None else sense == "max",
        at_most=bounds.get("<="),
        at_least=bounds.get(">="),
    )


def parse_objectives(texts: Iterable[str], constraints: Iterable[str] = ()) -> list[Objective]:
    """Read objectives and constraints (``params<=6M``) as the columns of one search, in order.

    A constraint on an objective bounds it; one on another name adds a column that is not optimised.

    Raises:
        InvalidInputError: a text cannot be read, a name repeats, or a constraint has no bound.
    """
    columns: dict[str, Objective] = {}
    for text in texts:
        objective = parse_objective(text)
        if objective.name in columns:
            raise InvalidInputError(f"Objective {objective.name!r} is given twice; give it once.")
        columns[objective.name] = objective
    for text in constraints:
        bound = parse_objective(text)
        if bound.at_most is None and bound.at_least is None:
            raise InvalidInputError(f"Constraint {text!r} has no bound: write NAME<=NUMBER.")
        known = columns.get(bound.name, replace(bound, optimize=False))
        columns[bound.name] = replace(
            known,
            at_most=known.at_most if bound.at_most is None else bound.at_most,
            at_least=known.at_least if bound.at_least is None else bound.at_least,
        )
    return list(columns.values())


def objective_facts(objective: Objective) -> dict[str, object]:
    """Return ``objective`` as the row of a search keeps it."""
    return {
        "name": objective.name,
        "maximize": objective.maximize,
        "at_most": objective.at_most,
        "at_least": objective.at_least,
        "optimize": objective.optimize,
    }


def objective_of(facts: Mapping[str, object]) -> Objective:
    """Return the objective that :func:`objective_facts` wrote."""
    return Objective(**facts)  # type: ignore[arg-type]


def _number(text: str, whole: str) -> float:
    found = _NUMBER.fullmatch(text)
    if not found:
        raise InvalidInputError(
            f"{text!r} in {whole!r} is no number: write for example 20, 1.5e9 or 6M."
        )
    return float(found[1]) * SUFFIXES[found[2]]

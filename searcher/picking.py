"""Which sub-network of a front to take away."""

from latbase.errors import InvalidInputError
from latbase.searcher.results import Member, Results

LATENCY = "latency_ms"


def fastest_within(found: Results, percent: float) -> Member:
    """Return the fastest of the front whose accuracy is within ``percent`` of the best one's.

    The accuracy is the search's first maximised objective (``top1``, ``bleu``). The share is
    relative: within 1 % of 76.0 is from 75.24 on. Of equally fast ones it is the most accurate.

    Raises:
        InvalidInputError: the search has no such objective or no latency, or its front is empty.
    """
    accuracy = next((each.name for each in found.objectives if each.maximize), None)
    names = [each.name for each in found.objectives]
    if accuracy is None or LATENCY not in names:
        raise InvalidInputError(
            f"The search's objectives are {', '.join(names)}; to pick the fastest within a share "
            f"of the best, it needs one that is maximised, such as top1, and {LATENCY}. "
            "Choose a sub-network of latbase front by --id."
        )
    members = found.members()
    if not members:
        raise InvalidInputError("The search's front is empty: nothing can be picked from it.")
    best = max(member["values"][accuracy] for member in members)
    least = best - abs(best) * percent / 100
    near = [member for member in members if member["values"][accuracy] >= least]
    return min(near, key=lambda each: (each["values"][LATENCY], -each["values"][accuracy]))


def by_id(found: Results, prefix: str) -> Member:
    """Return the one sub-network that was evaluated and whose id starts with ``prefix``.

    Raises:
        InvalidInputError: none does, or several do.
    """
    rows = [row for row, each in enumerate(found.subnet_ids) if each.startswith(prefix)]
    if len(rows) != 1:
        listed = ", ".join(found.subnet_ids[row] for row in rows[:5]) or "none"
        raise InvalidInputError(
            f"One sub-network of the search must have an id that starts with {prefix!r}; found: "
            f"{listed}. latbase front lists them."
        )
    return found.member(rows[0])

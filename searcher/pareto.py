"""Dominance, non-dominated sorting, crowding and hypervolume: pure functions on objective vectors.

Every objective is minimised. Points are float (n, m). A row with a NaN is a failed evaluation: it
dominates nothing, is on no front, ranks behind every complete row and adds no hypervolume.
"""

import moocore
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ranks = npt.NDArray[np.intp]

PLANE = 2
"""Number of objectives whose hypervolume is a staircase of our own; moocore takes more."""


def complete(points: Points) -> Mask:
    """Return which rows hold no NaN, bool (n,)."""
    return np.asarray(~np.isnan(points).any(axis=1))


def non_dominated(points: Points) -> Mask:
    """Return bool (n,): rows that no other row dominates; equal rows stay together."""
    return np.asarray(ranks(points) == 0)


def ranks(points: Points) -> Ranks:
    """Return the number of the front each row of float (n, m) belongs to, 0 the best.

    As in Deb et al., 2002; equal rows rank alike.
    """
    found = np.ones(len(points), dtype=np.intp)
    evaluated = complete(points)
    if evaluated.any():
        found[evaluated] = moocore.pareto_rank(points[evaluated])
        found[~evaluated] = found[evaluated].max() + 1
    return found


def crowding(points: Points, fronts: Ranks | None = None) -> Points:
    """Return the crowding distance of each row within its front, float (n,); ends are infinite.

    Objectives are scaled by their range in the front (Deb et al., 2002). Rows must be complete.

    Args:
        points: float (n, m).
        fronts: number of the front of each row, int (n,); None means one front.
    """
    distance = np.zeros(len(points))
    if not len(points):
        return distance
    group = np.zeros(len(points), dtype=np.intp) if fronts is None else fronts
    for column in points.T:
        order = np.lexsort((column, group))
        value, front = column[order], group[order]
        border = np.flatnonzero(front[1:] != front[:-1]) + 1
        first, last = np.append(0, border), np.append(border, len(order)) - 1
        extent = np.repeat(value[last] - value[first], last - first + 1)
        gap = np.zeros(len(order))
        gap[1:-1] = value[2:] - value[:-2]
        share = np.divide(gap, extent, out=np.zeros(len(order)), where=extent > 0)
        share[first] = share[last] = np.inf
        distance[order] += share
    return distance


def hypervolume(points: Points, reference: Points) -> float:
    """Return the volume that ``points`` dominate within ``reference``, float (m,)."""
    inside = points[(points < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - inside.min())
    if points.shape[1] == PLANE:
        x, y = staircase(inside).T
        return float(((np.append(x[1:], reference[0]) - x) * (reference[1] - y)).sum())
    return float(moocore.hypervolume(inside, ref=reference))


def improvements(points: Points, front: Points, reference: Points) -> Points:
    """Return the hypervolume each row of ``points`` would add to ``front``, float (n,).

    Args:
        points: float (n, m); a NaN row adds nothing.
        front: float (k, m), k >= 0; need not be non-dominated.
        reference: float (m,).
    """
    if points.shape[1] == PLANE:
        return _improvements_in_plane(points, front, reference)
    before = hypervolume(front, reference)
    gains = np.zeros(len(points))
    hopeful = (points < reference).all(axis=1)
    if len(front):
        no_better = (front[None, :, :] <= points[:, None, :]).all(axis=2)
        hopeful &= ~np.any(no_better, axis=1)
    for row in np.flatnonzero(hopeful):
        gains[row] = hypervolume(np.vstack([front, points[row]]), reference) - before
    return gains


def staircase(points: Points) -> Points:
    """Return the distinct non-dominated rows of two-column ``points`` by rising first objective."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = points[order]
    lowest = np.minimum.accumulate(ordered[:, 1])
    step = np.ones(len(ordered), dtype=np.bool_)
    step[1:] = ordered[1:, 1] < lowest[:-1]
    return ordered[step]


def _improvements_in_plane(points: Points, front: Points, reference: Points) -> Points:
    """Add up, strip by strip between the front's steps, what each point newly covers."""
    inside = front[(front < reference).all(axis=1)]
    steps = staircase(inside) if len(inside) else np.empty((0, PLANE))
    left = np.concatenate([[-np.inf], steps[:, 0]])
    right = np.append(steps[:, 0], reference[0])
    ceiling = np.concatenate([[reference[1]], steps[:, 1]])
    x, y = np.nan_to_num(points, nan=np.inf)[:, :, None].transpose(1, 0, 2)
    width = np.clip(right - np.maximum(left, x), 0.0, None)
    height = np.clip(ceiling - y, 0.0, None)
    return np.asarray((width * height).sum(axis=1))

"""PopDB: learn from a search's history which values are worth keeping (§4.6 of the paper)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError, SearchError
from latbase.searcher.knowledge import Genotypes, Values

if TYPE_CHECKING:
    from latbase.supernets import SearchSpace

SMALLEST_CLUSTER = 2
MIN_CLUSTER_SIZE = 50
MIN_SAMPLES = 10
THRESHOLD = 0.01

EVERY = "*"
"""Names every parameter in a mapping of thresholds."""

Value = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class PopDB:
    """A space reduced to the values that populations keep.

    Attributes:
        space: the reduced space; genotypes stay interchangeable with the full one.
        kept: by parameter name, the values that stay: what a store needs to rebuild ``space``.
        frequencies: float (p, most values), share of each value among clustered sub-networks in
            which its parameter is active.
        labels: int (n,), the cluster of each sub-network of the history; -1 for none.
        size_before: number of sub-networks of the full space.
    """

    space: "SearchSpace"
    kept: dict[str, list[Value]]
    frequencies: npt.NDArray[np.float64]
    labels: npt.NDArray[np.intp]
    size_before: int

    @property
    def clusters(self) -> int:
        """Number of clusters found."""
        return int(self.labels.max()) + 1

    @property
    def noise(self) -> int:
        """Sub-networks in no cluster."""
        return int((self.labels < 0).sum())


def constrain(
    space: "SearchSpace",
    genotypes: Genotypes,
    *,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
    min_samples: int = MIN_SAMPLES,
    threshold: float | Mapping[str, float] = THRESHOLD,
) -> PopDB:
    """Reduce ``space`` to the values frequent in the dense regions of a search's history.

    Args:
        space: the space the search ran in.
        genotypes: int8 (n, p), everything it evaluated.
        min_cluster_size: smallest cluster of HDBSCAN.
        min_samples: neighbours that make a point dense.
        threshold: least relative frequency of a value that stays, 0 to 1: one for all, or by
            parameter (``ks[0]``), by kind (``ks``, the part before the bracket) or for all others
            (``*``), of which the most specific counts; what none names stays at 1 %. Where no
            value is frequent enough the most frequent stays.

    Raises:
        SearchError: there are fewer sub-networks than a cluster needs, they form no cluster, or no
            value of a parameter stays that another one's value needs.
        InvalidInputError: a threshold names no parameter, or is no share; a cluster of less than
            two, or of no neighbours.
    """
    least = _thresholds(space, threshold)
    if min_cluster_size < SMALLEST_CLUSTER or min_samples < 1:
        raise InvalidInputError(
            f"PopDB needs min_cluster_size of at least {SMALLEST_CLUSTER} and min_samples of at "
            f"least 1, not {min_cluster_size} and {min_samples}."
        )
    if len(genotypes) < min_cluster_size:
        raise SearchError(
            f"PopDB needs a history of at least {min_cluster_size} sub-networks, "
            f"found {len(genotypes)}: search longer, or lower min_cluster_size."
        )
    labels = _clusters(space.canonical(genotypes), min_cluster_size, min_samples)
    clustered = space.canonical(genotypes)[labels >= 0]
    if not len(clustered):
        raise SearchError(
            f"The {len(genotypes)} sub-networks form no cluster of {min_cluster_size}: "
            "search longer, or lower min_cluster_size or min_samples."
        )
    shares = frequencies(space, clustered)
    kept = {
        parameter.name: _frequent(parameter.values, row, share)
        for parameter, row, share in zip(space.parameters, shares, least, strict=True)
    }
    try:
        reduced = space.restrict(kept)
    except InvalidInputError as error:
        raise SearchError(f"The thresholds leave too few values, lower them: {error}") from error
    return PopDB(
        space=reduced,
        kept=kept,
        frequencies=shares,
        labels=labels,
        size_before=space.size,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """The settings of :func:`constrain`, as a search keeps them."""

    min_cluster_size: int = MIN_CLUSTER_SIZE
    min_samples: int = MIN_SAMPLES
    threshold: Mapping[str, float] = field(default_factory=lambda: {EVERY: THRESHOLD})

    def of(self, space: "SearchSpace", genotypes: Genotypes) -> PopDB:
        """Reduce ``space`` by a history, int8 (n, p), or raise what :func:`constrain` does."""
        return constrain(
            space,
            genotypes,
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples,
            threshold=self.threshold,
        )

    def facts(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "min_cluster_size": self.min_cluster_size,
            "min_samples": self.min_samples,
            "threshold": dict(self.threshold),
        }


def _thresholds(space: "SearchSpace", threshold: float | Mapping[str, float]) -> Values:
    """Return the least share of a value of each parameter, float (p,).

    Raises:
        InvalidInputError: as :func:`constrain` says.
    """
    given = threshold if isinstance(threshold, Mapping) else {EVERY: threshold}
    names = [parameter.name for parameter in space.parameters]
    kinds = [name.partition("[")[0] for name in names]
    for name, share in given.items():
        if name not in {EVERY, *names, *kinds}:
            raise InvalidInputError(
                f"There is no parameter {name!r} to give a threshold; the space has "
                f"{', '.join(dict.fromkeys(kinds))}, and single ones such as {names[0]}."
            )
        if not 0 <= share <= 1:
            raise InvalidInputError(
                f"The threshold of {name!r} is {share!r}; expected a share from 0 to 1."
            )
    shares = {EVERY: THRESHOLD, **given}
    return np.array(
        [
            shares.get(name, shares.get(kind, shares[EVERY]))
            for name, kind in zip(names, kinds, strict=True)
        ]
    )


def _frequent(values: Sequence[Value], shares: Values, least: float) -> list[Value]:
    """Return the values with at least that share, or the most frequent: a parameter needs one.

    All stay where the parameter was never active: nothing speaks against any.
    """
    if not shares.any():
        return list(values)
    frequent = [value for value, share in zip(values, shares, strict=False) if share >= least]
    return frequent or [values[int(shares.argmax())]]


def _clusters(
    genotypes: Genotypes, min_cluster_size: int, min_samples: int
) -> npt.NDArray[np.intp]:
    """Return the cluster of each row, -1 for noise."""
    from hdbscan import HDBSCAN  # noqa: PLC0415 - a second to load, for this alone

    found = HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        allow_single_cluster=True,
        core_dist_n_jobs=1,
    ).fit_predict(genotypes.astype(np.float64))
    return np.asarray(found, dtype=np.intp)


def frequencies(space: "SearchSpace", genotypes: Genotypes) -> npt.NDArray[np.float64]:
    """Return the share of every value where its parameter is active, float (p, most values)."""
    active = space.active(genotypes)
    most = max(len(parameter.values) for parameter in space.parameters)
    chosen = genotypes[:, :, None] == np.arange(most)
    counts = (chosen & active[:, :, None]).sum(axis=0)
    return np.asarray(counts / np.maximum(active.sum(axis=0), 1)[:, None])

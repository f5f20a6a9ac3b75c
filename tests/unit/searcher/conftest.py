"""Small problems with known answers."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from latbase.searcher import Objective, Search
from latbase.supernets import Parameter, SearchSpace

Values = npt.NDArray[np.float64]
Genotypes = npt.NDArray[np.int8]
Evaluate = Callable[[Genotypes], Values]


@pytest.fixture
def objectives() -> list[Objective]:
    """Return accuracy to maximise, latency to minimise."""
    return [Objective("top1", maximize=True), Objective("latency_ms")]


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    """Return three stages of two to four blocks."""
    blocks = [
        Parameter(f"{kind}[{4 * stage + block}]", values, f"d[{stage}]", depths)
        for kind, values in (("ks", (3, 5, 7)), ("e", (3, 4, 6)))
        for stage in range(3)
        for block, depths in enumerate([(2, 3, 4), (2, 3, 4), (3, 4), (4,)])
    ]
    return SearchSpace([*blocks, *(Parameter(f"d[{stage}]", (2, 3, 4)) for stage in range(3))])


@pytest.fixture(scope="session")
def small_space() -> SearchSpace:
    """Return 12 sub-networks."""
    return SearchSpace([Parameter("a", (1, 2, 3)), Parameter("b", (1, 2)), Parameter("c", (1, 2))])


@pytest.fixture(scope="session")
def evaluate(space: SearchSpace) -> Evaluate:
    """Return a smooth trade-off: accuracy saturates in work, each block works differently."""
    rng = np.random.default_rng(7)
    use, cost = rng.random(space.p), rng.random(space.p)

    def values(genotypes: Genotypes) -> Values:
        work = (genotypes + 1.0) * space.active(genotypes)
        return np.column_stack([78.0 - 9.0 * np.exp(-(work @ use) / 25.0), 5.0 + work @ cost])

    return values


def drive(search: Search, evaluate: Evaluate, evaluations: int) -> Search:
    """Ask and tell until that many are told."""
    while len(search.evaluations[0]) < evaluations:
        asked = search.ask()
        search.tell(asked, evaluate(asked))
    return search

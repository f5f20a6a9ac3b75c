"""What a search may know of values that no hardware decides."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from latbase.db import connect
from latbase.searcher.objectives import Objective
from latbase.searcher.validation import appraised, known_values
from latbase.supernets.own import OwnSupernet


class Widths:
    """Evaluated without a network."""

    parameters = {"width": (4, 8, 16, 32)}  # noqa: RUF012 - as a user writes it
    input_shape = (3, 8, 8)

    def build(self, config: dict[str, int]) -> None: ...

    def evaluate(self, config: dict[str, int]) -> float:
        return 60.0 + config["width"]


def test_a_resumed_search_does_not_learn_from_its_own_values(tmp_path: Path) -> None:
    net = OwnSupernet(Widths())
    points = net.space.canonical(np.array([[0], [1], [2], [3]], np.int8))
    with connect(tmp_path / "latency.duckdb") as store:
        source = appraised(store, net, [Objective("top1", maximize=True)])["top1"]
        source.values(points[:2])
        created_at = datetime.now(UTC)
        source.values(points)
        known = known_values(store, net, "top1", source.conditions_id, created_at)
    assert dict(zip(known.genotypes[:, 0].tolist(), known.values, strict=True)) == {0: 64, 1: 68}

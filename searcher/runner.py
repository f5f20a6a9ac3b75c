"""Run a search against the store: ask, evaluate, tell, record; resume by replaying."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latbase.db import queries
from latbase.db.records import Evaluation, SearchStatus
from latbase.errors import SearchError
from latbase.searcher.evaluation import Evaluator
from latbase.searcher.knowledge import Genotypes, Values
from latbase.searcher.search import Search

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.db.records import Search as SearchRecord
    from latbase.db.records import Subnet


class Recorder:
    """Keeps one search in the store.

    Args:
        store: where it is written.
        record: the search's own row, which must be in the store.
        subnets: makes the rows of the sub-networks that genotypes, int8 (n, p), name.
    """

    def __init__(
        self,
        store: "Store",
        record: "SearchRecord",
        subnets: Callable[[Genotypes], "list[Subnet]"],
    ) -> None:
        self._store = store
        self._record = record
        self._subnets = subnets
        self._rows: list[Evaluation] = queries.evaluations(store, record.search_id)

    def __len__(self) -> int:
        """Number of evaluations that are stored."""
        return len(self._rows)

    def resume(self, make: Callable[[], Search], on_event: Callable[[str], None]) -> Search:
        """Return a search from ``make`` that has been told all that is stored.

        It is where the stored one stopped, unless values from before the search have reached the
        store since, as from a daemon that was cut off: with those known it would have gone another
        way, so it goes on from the stored evaluations as if they had been made elsewhere.
        """
        search = make()
        if not self._rows:
            return search
        found = queries.genotypes(self._store, self._record.search_id)["genotype"].to_pylist()
        genotypes = np.array(found, dtype=np.int8)
        values = np.array([row.values for row in self._rows])
        try:
            search.replay(genotypes, values)
        except SearchError:
            on_event(
                "The store has received older values since this search began: it keeps its "
                f"{len(found)} evaluations and goes on with what is known now."
            )
            search = make()
            search.record(genotypes, values)
        return search

    def append(self, genotypes: Genotypes, values: Values, evaluator: Evaluator) -> None:
        """Write one batch of evaluations in one transaction."""
        subnets = self._subnets(genotypes)
        added = [
            Evaluation(
                search_id=self._record.search_id,
                position=position,
                batch=self._rows[-1].batch + 1 if self._rows else 0,
                subnet_id=subnet.subnet_id,
                values=tuple(row),
                sources=evaluator.labels,
                on_front=False,
            )
            for position, (subnet, row) in enumerate(
                zip(subnets, values.tolist(), strict=True), start=len(self._rows)
            )
        ]
        self._store.write([*subnets, *added])
        self._rows += added

    def finish(self, search: Search) -> None:
        """Mark the front among the stored evaluations, and the search as finished."""
        on_front = {subnet.subnet_id for subnet in self._subnets(search.front()[0])}
        marked = [replace(row, on_front=row.subnet_id in on_front) for row in self._rows]
        self._store.write([*marked, replace(self._record, status=SearchStatus.FINISHED)])


def run(
    make: Callable[[], Search],
    evaluator: Evaluator,
    recorder: Recorder,
    *,
    evaluations: int,
    on_progress: Callable[[int], None],
    on_event: Callable[[str], None],
) -> None:
    """Bring a search to ``evaluations`` evaluations, or the end of its space, from where it is.

    A search is a function of its seed and the values it was told, so replaying the stored ones puts
    it exactly where a killed process left it.

    Args:
        make: makes the search, always the same.
        evaluator: gives values.
        recorder: keeps them.
        evaluations: how many there shall be.
        on_progress: called with how many there are.
        on_event: called with what a person should know.
    """
    search, done = recorder.resume(make, on_event), len(recorder)
    evaluations = min(evaluations, search.problem.space.size)
    on_progress(done)
    while done < evaluations:
        waiting = search.pending if len(search.pending) else search.ask()
        batch = waiting[: evaluations - done]
        values = evaluator(batch)
        search.tell(batch, values)
        recorder.append(batch, values, evaluator)
        done += len(batch)
        on_progress(done)
    recorder.finish(search)

"""A search as its recipe in the store: what reproduces it, and what continues it."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from latbase.db import queries
from latbase.db.networks import supernet_of
from latbase.db.records import Search as SearchRecord
from latbase.db.records import SearchStatus
from latbase.errors import InvalidInputError, SearchError
from latbase.searcher import experience, predicting
from latbase.searcher.catalogue import training_data
from latbase.searcher.evaluation import ANALYTIC, METRICS
from latbase.searcher.experience import Experience
from latbase.searcher.knowledge import Genotypes, Knowledge, Known, Values
from latbase.searcher.objectives import Objective, objective_facts
from latbase.searcher.popdb import Reduction
from latbase.searcher.predictors.base import Predictor
from latbase.searcher.predictors.fitting import LEAST_ROWS
from latbase.searcher.search import Search
from latbase.searcher.validation import known_values

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.supernets import Supernet


AUTO, NONE = "auto", "none"

PREDICTORS_FIRST = "predictors_first"

LOOKING_BACK = ("auto", "warm_start")
"""Tactics that start from what other searches found; the others are cold unless told."""

ALWAYS_COLD = ("random", "weaknas", "lanas", "seminas")
"""Tactics that have no use for a front."""

GATHERED = ("experience", "kept", "kept_from", "predictors")
"""Options that are chosen when a search begins and stay, whatever the store learns later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a user asks of a search.

    Attributes:
        configuration_id: where measured objectives are measured; None if nothing is.
        evaluations: when it is finished.
        algorithm: evolutionary algorithm inside the tactic.
        predictor: kind of predictor inside the tactic; None lets the tactic choose.
        population: sub-networks per ask; None lets the tactic choose.
        training: evaluations that predictors_first spends before it predicts; None: half of all.
        appraised: objectives whose values an appraiser gives, each with the id of its conditions.
        predicted: objectives that are neither measured nor appraised in this search, but predicted
            from what the store had of them when it began; all others always are.
        warm_start: the search whose front it starts from, whatever the tactic; ``auto`` lets the
            tactics that look back choose by evidence, ``none`` takes nothing from elsewhere.
        popdb: the search whose history reduces the space; None keeps all of it.
        reduction: how it does.
        input_size: what MACs are counted at; None: the supernet's ``default_input_size``.
    """

    objectives: tuple[Objective, ...]
    configuration_id: str | None
    tactic: str
    seed: int
    evaluations: int
    algorithm: str = "nsga2"
    predictor: str | None = None
    appraised: Mapping[str, str] = field(default_factory=dict)
    warm_start: str = AUTO
    popdb: str | None = None
    reduction: Reduction = field(default_factory=Reduction)
    predicted: tuple[str, ...] = ()
    population: int | None = None
    training: int | None = None
    input_size: int | None = None

    @property
    def trained(self) -> int:
        """Evaluations before the first prediction, chosen or half of all.

        Raises:
            InvalidInputError: predictors_first would have none left.
        """
        found = self.training or max(LEAST_ROWS, self.evaluations // 2)
        if self.tactic == PREDICTORS_FIRST and found >= self.evaluations:
            raise InvalidInputError(
                f"Training takes {found} of {self.evaluations} evaluations and leaves none for "
                "what the predictors find: choose more evaluations or less training."
            )
        return found

    @property
    def metric(self) -> str | None:
        """The first measured objective: the one other configurations teach about."""
        elsewhere = {*self.appraised, *self.predicted}
        measured = [each.name for each in self.objectives if each.name not in elsewhere]
        return next((name for name in measured if name in METRICS), None)

    def options(self) -> dict[str, object]:
        """Return what the store keeps beside tactic, objectives and seed."""
        return {
            "evaluations": self.evaluations,
            "algorithm": self.algorithm,
            "predictor": self.predictor,
            "population": self.population,
            "training": self.trained if self.tactic == PREDICTORS_FIRST else self.training,
            "appraised": dict(self.appraised),
            "predicted": sorted({*self.predicted}),
            "warm_start": self.warm_start,
            "popdb": self.popdb and {"search": self.popdb, **self.reduction.facts()},
            # Searches of versions that knew the usual size only go on.
            **({} if self.input_size is None else {"input_size": self.input_size}),
        }


def open_record(
    store: "Store", network: "Supernet", recipe: Recipe, *, new: bool = False
) -> tuple[SearchRecord, bool]:
    """Return the search of ``recipe`` and whether it was begun before.

    The newest unfinished search of the same recipe is continued unless ``new``; otherwise the
    record is new, with what it takes from earlier searches, and not yet in the store.

    Raises:
        UnknownNameError: there is no search to start from or to reduce the space by, or no
            objective to predict.
        SearchError: it is of another supernet, has no front or is too short to reduce a space.
        InvalidInputError: an objective to predict costs nothing anyway, the tactic has no use for
            the front that was chosen, or no evaluations would be left after training.
        PredictorError: the store has too few values of one to predict it.
    """
    names = [objective.name for objective in recipe.objectives]
    predicting.refuse_unpredictable(recipe.predicted, names, recipe.appraised)
    supernet = supernet_of(network)
    draft = SearchRecord(
        search_id=uuid.uuid4().hex[:16],
        supernet_id=supernet.supernet_id,
        configuration_id=recipe.configuration_id,
        tactic=recipe.tactic,
        objectives=tuple(objective_facts(each) for each in recipe.objectives),
        options=recipe.options(),
        seed=recipe.seed,
        status=SearchStatus.RUNNING,
        created_at=datetime.now(UTC),
    )
    if not new:
        for known in queries.unfinished_searches(store, supernet.supernet_id):
            asked = {key: value for key, value in known.options.items() if key not in GATHERED}
            same = dataclasses.replace(
                known, search_id=draft.search_id, created_at=draft.created_at, options=asked
            )
            if same == draft:
                return known, True
    gathered: dict[str, object] = {"experience": _gathered(store, network, recipe).facts()}
    if recipe.popdb is not None:
        evaluated = history(store, network, recipe.popdb)
        gathered["kept"] = recipe.reduction.of(network.space, evaluated).kept
        gathered["kept_from"] = queries.search(store, recipe.popdb).search_id
    record = dataclasses.replace(draft, created_at=datetime.now(UTC))
    gathered["predictors"] = {
        name: predicting.facts(_predictor(store, network, recipe, name, record))
        for name in sorted(recipe.predicted)
    }
    return dataclasses.replace(record, options={**draft.options, **gathered}), False


def history(store: "Store", network: "Supernet", search_id: str) -> Genotypes:
    """Return everything a stored search of ``network`` evaluated, int8 (n, p).

    Args:
        store: where the search is.
        network: what it searched.
        search_id: its id, the beginning of it, or ``latest``.

    Raises:
        UnknownNameError: there is no such search.
        SearchError: it is of another supernet.
    """
    search = experience.of_supernet(queries.search(store, search_id), network)
    rows = queries.genotypes(store, search.search_id)["genotype"].to_pylist()
    return np.array(rows, dtype=np.int8).reshape(-1, network.space.p)


def _gathered(store: "Store", network: "Supernet", recipe: Recipe) -> Experience:
    """Return what the tactic itself looks for, and the front that the user chose.

    Raises:
        InvalidInputError: the tactic has no use for a front.
    """
    if recipe.warm_start == NONE:
        return Experience()
    found = Experience()
    if recipe.tactic in LOOKING_BACK:
        found = experience.gather(
            store,
            network,
            configuration_id=recipe.configuration_id,
            objectives=recipe.objectives,
            metric=recipe.metric,
        )
    if recipe.warm_start == AUTO:
        return found
    if recipe.tactic in ALWAYS_COLD:
        raise InvalidInputError(
            f"The tactic {recipe.tactic} starts from no front: leave out --warm-start, or take "
            "auto, warm_start, full, concurrent or predictors_first."
        )
    return dataclasses.replace(found, fronts=(_with_front(store, network, recipe.warm_start),))


def _with_front(store: "Store", network: "Supernet", prefix: str) -> str:
    """Return the id of a search to start from.

    Raises:
        SearchError: it is of another supernet, or has no front.
    """
    chosen = experience.of_supernet(queries.search(store, prefix), network)
    if len(experience.front(store, chosen.search_id)):
        return chosen.search_id
    why = (
        "has no sub-network that succeeded within its constraints"
        if chosen.status is SearchStatus.FINISHED
        else "is unfinished: continue it first, with the command that began it"
    )
    raise SearchError(
        f"There is no front of search {chosen.search_id} to start from, as it {why}; "
        "or choose another with --warm-start."
    )


def make_search(
    store: "Store", network: "Supernet", recipe: Recipe, record: SearchRecord
) -> Search:
    """Make the ask/tell search of ``record`` with what the store knew when it was created.

    Only values older than the search count as knowledge: a resumed search must not learn from its
    own. Older ones that reach the store later count too; :meth:`Recorder.resume` says what then.
    """
    known = {
        objective.name: values
        for objective in recipe.objectives
        if objective.name not in recipe.predicted
        and len((values := _known(store, network, recipe, objective.name, record)).values)
    }
    exact: dict[str, Callable[[Genotypes], Values]] = {
        name: partial(_cost, network, recipe.input_size, column)
        for column, name in enumerate(ANALYTIC)
    }
    if network.top1_predictor is not None:
        exact["top1"] = network.predicted_top1
    for name in recipe.appraised:  # their values take time, or are truer than a predictor's
        exact.pop(name, None)
    chosen = cast("Mapping[str, Mapping[str, str]]", record.options["predictors"])
    for name, facts in chosen.items():
        fitted = _predictor(store, network, recipe, name, record, kind=facts["kind"])
        exact[name] = predicting.function(network, fitted)
    gathered, space = Experience.of(record.options["experience"]), network.space
    if kept := record.options.get("kept"):
        space = space.restrict(cast("Mapping[str, list[int | float | str]]", kept))
    sources = {}
    if recipe.metric is not None and gathered.sources:
        sources[recipe.metric] = experience.sources(
            store, network, gathered.sources, recipe.metric, record.created_at
        )
    return Search(
        space,
        recipe.objectives,
        recipe.tactic,
        recipe.seed,
        algorithm=recipe.algorithm,
        predictor=recipe.predictor,
        population=recipe.population,
        training=recipe.trained,
        knowledge=Knowledge(
            known=known,
            sources=sources,
            fronts=[experience.front(store, search_id) for search_id in gathered.fronts],
            chosen=recipe.warm_start != AUTO,
            exact=exact,
        ),
    )


def _known(
    store: "Store", network: "Supernet", recipe: Recipe, objective: str, record: SearchRecord
) -> Known:
    """Return the values of one objective that were in the store when the search was created."""
    if objective in recipe.appraised:
        conditions_id = recipe.appraised[objective]
        return known_values(store, network, objective, conditions_id, record.created_at)
    if objective in METRICS and recipe.configuration_id is not None:
        data = training_data(store, network, recipe.configuration_id, objective, record.created_at)
        return Known(genotypes=data.genotypes, values=data.values)
    return Known(genotypes=np.empty((0, network.space.p), np.int8), values=np.empty(0))


def _predictor(
    store: "Store",
    network: "Supernet",
    recipe: Recipe,
    objective: str,
    record: SearchRecord,
    *,
    kind: str = AUTO,
) -> Predictor:
    known = _known(store, network, recipe, objective, record)
    place = None if objective in recipe.appraised else recipe.configuration_id
    return predicting.fit(network, objective, known, place, kind)


def _cost(network: "Supernet", input_size: int | None, column: int, genotypes: Genotypes) -> Values:
    return network.costs(genotypes, input_size)[:, column].astype(np.float64)

"""What a new search takes from configurations and searches that the store knows."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from latbase import supernets
from latbase.db import Store, connect
from latbase.db.networks import subnets_of, supernet_of
from latbase.db.records import (
    STABLE,
    Configuration,
    Environment,
    Evaluation,
    Hardware,
    Host,
    Measurement,
    SearchStatus,
    Source,
)
from latbase.db.records import Search as SearchRecord
from latbase.errors import InvalidInputError, SearchError, UnknownNameError
from latbase.searcher import Objective, tactic_names
from latbase.searcher.experience import Experience
from latbase.searcher.objectives import objective_facts
from latbase.searcher.popdb import Reduction
from latbase.searcher.recipes import (
    ALWAYS_COLD,
    Recipe,
    make_search,
    open_record,
)

OBJECTIVES = (Objective("top1", maximize=True), Objective("latency_ms"))
NETWORK = supernets.load("ofa_mbv3_d234_e346_k357_w1.0")
HARDWARE = Hardware.of({"cpu_brand": "Xeon"})
ENVIRONMENT = Environment.of({"torch": "2.13.0"})

Genotypes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Filled:
    """A store, and the means to fill it."""

    store: Store

    def configuration(self, *, threads: int = 1, batch_size: int = 1) -> Configuration:
        found = Configuration.of(
            hardware_id=HARDWARE.hardware_id, threads=threads, batch_size=batch_size
        )
        self.store.write([found])
        return found

    def measure(
        self,
        where: Configuration,
        n: int,
        *,
        seed: int = 0,
        kernel_ms: float,
        work_ms: float = 1.0,
    ) -> None:
        """Store latencies of work plus ``kernel_ms`` times the sum of kernel choices."""
        genotypes = NETWORK.space.sample(n, seed)
        latency = work_ms * NETWORK.costs(genotypes)[:, 0] / 1e8 + (not work_ms)
        latency += kernel_ms * genotypes[:, :20].sum(axis=1) + max(0.0, -40.0 * kernel_ms)
        subnets = subnets_of(NETWORK, genotypes)
        self.store.write(
            [
                *subnets,
                *(
                    Measurement(
                        measurement_id=str(uuid.uuid4()),
                        subnet_id=subnet.subnet_id,
                        configuration_id=where.configuration_id,
                        environment_id=ENVIRONMENT.environment_id,
                        host_id="host",
                        metric="latency_ms",
                        value=float(value),
                        interval=(float(value), float(value)),
                        statistic="median",
                        samples=(float(value),),
                        verdict=STABLE,
                        stopped_by="rounds",
                        protocol={},
                        conditions={},
                        measured_at=datetime.now(UTC),
                    )
                    for subnet, value in zip(subnets, latency, strict=True)
                ),
            ]
        )

    def search(
        self,
        where: Configuration | None,
        genotypes: Genotypes,
        on_front: int,
        status: SearchStatus = SearchStatus.FINISHED,
    ) -> str:
        """Store a search of which the first ``on_front`` sub-networks are the front."""
        search_id, subnets = uuid.uuid4().hex[:16], subnets_of(NETWORK, genotypes)
        record = SearchRecord(
            search_id=search_id,
            supernet_id=supernet_of(NETWORK).supernet_id,
            configuration_id=where.configuration_id if where else None,
            tactic="full",
            objectives=tuple(objective_facts(each) for each in OBJECTIVES),
            options={},
            seed=0,
            status=status,
            created_at=datetime.now(UTC),
        )
        evaluations = [
            Evaluation(
                search_id=search_id,
                position=position,
                batch=0,
                subnet_id=subnet.subnet_id,
                values=(76.0, 10.0),
                sources=(Source.PREDICTED, Source.MEASURED),
                on_front=position < on_front,
            )
            for position, subnet in enumerate(subnets)
        ]
        self.store.write([record, *subnets, *evaluations])
        return search_id


@pytest.fixture
def filled() -> Iterator[Filled]:
    with connect(":memory:") as store:
        host = Host(
            host_id="host",
            host_name="bench",
            hardware_id=HARDWARE.hardware_id,
            latbase_version="0.1.0",
            seen_at=datetime.now(UTC),
        )
        store.write([HARDWARE, ENVIRONMENT, host, supernet_of(NETWORK)])
        yield Filled(store)


def recipe(where: Configuration | None, **fields: object) -> Recipe:
    base = Recipe(
        objectives=OBJECTIVES,
        configuration_id=where.configuration_id if where else None,
        tactic="auto",
        seed=0,
        evaluations=50,
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def test_the_configuration_that_ranks_alike_comes_first_whatever_the_facts_say(filled):
    here, near, far = (filled.configuration(**f) for f in ({}, {"threads": 8}, {"threads": 2}))
    filled.measure(here, 12, seed=5, kernel_ms=0.0)
    filled.measure(near, 60, kernel_ms=0.01)
    filled.measure(far, 60, kernel_ms=-3.0)
    record, begun = open_record(filled.store, NETWORK, recipe(here))
    assert not begun
    experience = Experience.of(record.options["experience"])
    assert experience.sources == (near.configuration_id, far.configuration_id)
    why = experience.evidence[near.configuration_id]
    assert why.startswith("ranks the 12 sub-networks measured here with Kendall tau")
    assert experience.summary == f"configuration {near.configuration_id} {why}"


def test_a_source_that_ranks_nothing_comes_after_one_that_does(filled):
    here, constant, alike = (filled.configuration(threads=n) for n in (1, 8, 2))
    filled.measure(here, 12, seed=5, kernel_ms=0.0)
    filled.measure(constant, 60, kernel_ms=0.0, work_ms=0.0)
    filled.measure(alike, 60, kernel_ms=0.01)
    record, _ = open_record(filled.store, NETWORK, recipe(here))
    experience = Experience.of(record.options["experience"])
    assert experience.sources == (alike.configuration_id, constant.configuration_id)
    assert experience.evidence[constant.configuration_id].endswith("Kendall tau 0.00")


def test_a_front_of_the_opposite_sense_is_no_start(filled):
    here = filled.configuration()
    filled.search(here, NETWORK.space.sample(20, 1), on_front=5)
    slowest = (Objective("top1", maximize=True), Objective("latency_ms", maximize=True))
    record, _ = open_record(filled.store, NETWORK, recipe(here, objectives=slowest))
    assert Experience.of(record.options["experience"]).fronts == ()


def test_without_measurements_here_the_facts_decide(filled):
    here = filled.configuration()
    alike, other = filled.configuration(threads=2), filled.configuration(threads=2, batch_size=8)
    for where in (alike, other):
        filled.measure(where, 40, kernel_ms=0.1)
    record, _ = open_record(filled.store, NETWORK, recipe(here))
    experience = Experience.of(record.options["experience"])
    assert experience.sources == (alike.configuration_id, other.configuration_id)
    assert experience.evidence[alike.configuration_id] == "shares 6 of 7 facts"


def test_a_source_lets_a_search_predict_before_its_first_measurement(filled):
    here, other = filled.configuration(), filled.configuration(threads=2)
    filled.measure(other, 60, kernel_ms=0.1)
    wanted = recipe(here)
    record, _ = open_record(filled.store, NETWORK, wanted)
    search = make_search(filled.store, NETWORK, wanted, record)
    (source,) = search.problem.knowledge.sources["latency_ms"]
    genotypes = NETWORK.space.sample(30, 9)
    truth = NETWORK.costs(genotypes)[:, 0] / 1e8 + 0.1 * genotypes[:, :20].sum(axis=1)
    predicted, _spread = source.predict(NETWORK.space.features(genotypes))
    assert np.corrcoef(truth, predicted)[0, 1] > 0.9


def test_what_was_gathered_stays_when_the_store_learns_more(filled):
    here, other = filled.configuration(), filled.configuration(threads=2)
    filled.measure(other, 40, kernel_ms=0.1)
    wanted = recipe(here)
    first, _ = open_record(filled.store, NETWORK, wanted)
    filled.store.write([first])
    filled.measure(filled.configuration(threads=8), 40, kernel_ms=0.1)
    filled.search(here, NETWORK.space.sample(10, 1), on_front=3)
    again, begun = open_record(filled.store, NETWORK, wanted)
    assert begun
    assert again == first


def test_fronts_of_the_same_question_start_a_search(filled):
    here, other = filled.configuration(), filled.configuration(threads=2)
    filled.measure(other, 40, kernel_ms=0.1)
    filled.search(other, NETWORK.space.sample(20, 1), on_front=4)
    newest = filled.search(other, NETWORK.space.sample(20, 2), on_front=5)
    wanted = recipe(here, tactic="warm_start")
    record, _ = open_record(filled.store, NETWORK, wanted)
    experience = Experience.of(record.options["experience"])
    assert experience.fronts == (newest,)
    where, shares = f"configuration {other.configuration_id}", "shares 6 of 7 facts"
    found = f"the front of search {newest} of size 5, found on {where}, which {shares}"
    assert experience.summary == f"{where} {shares}; {found}"
    search = make_search(filled.store, NETWORK, wanted, record)
    expected = NETWORK.space.sample(20, 2)[:5]
    assert (search.ask()[:5] == expected).all()


def test_the_front_of_the_configuration_that_ranks_alike_comes_before_the_newest(filled):
    here, near, far = (filled.configuration(**f) for f in ({}, {"threads": 8}, {"threads": 2}))
    filled.measure(here, 12, seed=5, kernel_ms=0.0)
    filled.measure(near, 60, kernel_ms=0.01)
    filled.measure(far, 60, kernel_ms=-3.0)
    alike = filled.search(near, NETWORK.space.sample(20, 1), on_front=3)
    newest = filled.search(far, NETWORK.space.sample(20, 2), on_front=9)
    record, _ = open_record(filled.store, NETWORK, recipe(here))
    experience = Experience.of(record.options["experience"])
    assert experience.fronts == (alike, newest)
    found = f"of size 3, found on configuration {near.configuration_id}, which ranks the 12"
    assert f"the front of search {alike} {found}" in experience.summary


def test_the_own_configuration_is_the_best_evidence_for_a_front(filled):
    here, other = filled.configuration(), filled.configuration(threads=2)
    filled.measure(other, 40, kernel_ms=0.1)
    largest = filled.search(here, NETWORK.space.sample(30, 1), on_front=6)
    filled.search(here, NETWORK.space.sample(5, 2), on_front=2)  # a short trial, newer
    filled.search(here, NETWORK.space.sample(30, 3), on_front=0)  # nothing of it succeeded
    elsewhere = filled.search(other, NETWORK.space.sample(30, 4), on_front=8)
    wanted = recipe(here, tactic="warm_start")
    record, _ = open_record(filled.store, NETWORK, wanted)
    experience = Experience.of(record.options["experience"])
    assert experience.fronts == (largest, elsewhere)
    assert experience.summary.endswith(
        f"the front of search {largest} of size 6, found on this very configuration"
    )
    asked = make_search(filled.store, NETWORK, wanted, record).ask()
    assert (asked[:6] == NETWORK.space.sample(30, 1)[:6]).all()
    assert (asked[6:14] == NETWORK.space.sample(30, 4)[:8]).all()


def test_searches_with_empty_fronts_are_no_start(filled):
    here = filled.configuration()
    filled.search(here, NETWORK.space.sample(20, 1), on_front=0)
    record, _ = open_record(filled.store, NETWORK, recipe(here))
    assert Experience.of(record.options["experience"]) == Experience()


def test_without_a_configuration_a_front_of_the_same_objectives_starts_a_search(filled):
    found = filled.search(None, NETWORK.space.sample(20, 1), on_front=4)
    record, _ = open_record(filled.store, NETWORK, recipe(None))
    summary = Experience.of(record.options["experience"]).summary
    assert summary == f"the front of search {found} of size 4, found for these objectives"


def test_a_user_chooses_the_front_or_none(filled):
    here = filled.configuration()
    chosen = filled.search(here, NETWORK.space.sample(20, 1), on_front=4)
    filled.search(here, NETWORK.space.sample(20, 2), on_front=5)
    record, _ = open_record(filled.store, NETWORK, recipe(here, warm_start=chosen[:6]))
    experience = Experience.of(record.options["experience"])
    assert experience.fronts == (chosen,)
    assert experience.summary == f"the front of search {chosen}"
    record, _ = open_record(filled.store, NETWORK, recipe(here, warm_start="none"))
    assert Experience.of(record.options["experience"]) == Experience()
    with pytest.raises(UnknownNameError, match="No search id starts with"):
        open_record(filled.store, NETWORK, recipe(here, warm_start="feed"))


COLD = [name for name in tactic_names() if name not in {"auto", "warm_start"}]


@pytest.mark.parametrize("tactic", COLD)
def test_a_tactic_is_what_it_is_called_unless_a_start_is_chosen(filled, tactic):
    here, other = filled.configuration(), filled.configuration(threads=2)
    filled.measure(other, 40, kernel_ms=0.1)
    found = filled.search(here, NETWORK.space.sample(20, 1), on_front=4)
    cold = recipe(here, tactic=tactic)
    record, _ = open_record(filled.store, NETWORK, cold)
    assert Experience.of(record.options["experience"]) == Experience()
    chosen = replace(cold, warm_start=found)
    if tactic in ALWAYS_COLD:
        with pytest.raises(InvalidInputError, match=f"{tactic} starts from no front"):
            open_record(filled.store, NETWORK, chosen)
    else:
        record, _ = open_record(filled.store, NETWORK, chosen)
        assert Experience.of(record.options["experience"]) == Experience(fronts=(found,))


@pytest.mark.parametrize("tactic", ["auto", "full", "concurrent"])
def test_a_search_begins_with_the_front_that_was_chosen(filled, tactic):
    here = filled.configuration()
    found = filled.search(here, NETWORK.space.sample(20, 1), on_front=4)
    front = {row.tobytes() for row in NETWORK.space.sample(20, 1)[:4]}
    for warm_start, begins in ((found, True), ("auto", False)):
        wanted = recipe(here, tactic=tactic, warm_start=warm_start)
        record, _ = open_record(filled.store, NETWORK, wanted)
        asked = make_search(filled.store, NETWORK, wanted, record).ask()
        assert (front <= {row.tobytes() for row in asked}) is begins


def test_a_chosen_search_without_a_front_is_refused_with_what_to_do(filled):
    here, some = filled.configuration(), NETWORK.space.sample(20, 1)
    running = filled.search(here, some, on_front=0, status=SearchStatus.RUNNING)
    with pytest.raises(SearchError, match="is unfinished: continue it first"):
        open_record(filled.store, NETWORK, recipe(here, warm_start=running))
    failed = filled.search(here, some, on_front=0)
    with pytest.raises(SearchError, match="no sub-network that succeeded within its constraints"):
        open_record(filled.store, NETWORK, recipe(here, warm_start=failed))


def test_a_search_of_another_supernet_teaches_nothing(filled):
    here = filled.configuration()
    chosen = filled.search(here, NETWORK.space.sample(20, 1), on_front=4)
    other = supernets.load("ofa_resnet50")
    with pytest.raises(SearchError, match="is not of ofa_resnet50"):
        open_record(filled.store, other, recipe(here, warm_start=chosen))


def test_popdb_keeps_a_search_in_the_part_that_another_one_liked(filled):
    here = filled.configuration()
    liked = NETWORK.space.restrict({"d[0]": [4], "ks[0]": [3, 7]})
    history = filled.search(here, liked.sample(200, 3), on_front=10)
    wanted = recipe(here, popdb=history, tactic="random")
    record, _ = open_record(filled.store, NETWORK, wanted)
    search = make_search(filled.store, NETWORK, wanted, record)
    assert search.problem.space.size < NETWORK.space.size
    liked.validate(search.ask())
    assert record.options["kept_from"] == history


def test_a_reduction_is_kept_with_its_settings_and_continued_by_the_same_ones(filled):
    here = filled.configuration()
    history = filled.search(here, NETWORK.space.sample(200, 3), on_front=10)
    strict = Reduction(min_cluster_size=20, min_samples=5, threshold={"*": 0.01, "ks": 0.4})
    wanted = recipe(here, popdb=history[:6], reduction=strict)
    record, _ = open_record(filled.store, NETWORK, wanted)
    assert record.options["popdb"] == {"search": history[:6], **strict.facts()}
    filled.store.write([record])
    again, begun = open_record(filled.store, NETWORK, wanted)
    assert begun
    assert again == record
    loose = replace(wanted, reduction=replace(strict, threshold={"*": 0.01}))
    other, begun = open_record(filled.store, NETWORK, loose)
    assert not begun
    strictly, loosely = (
        make_search(filled.store, NETWORK, asked, made).problem.space.size
        for asked, made in ((wanted, record), (loose, other))
    )
    assert strictly < loosely


def test_predictors_first_learns_from_half_its_evaluations_unless_told(filled):
    half = recipe(None, tactic="predictors_first")
    assert half.trained == half.options()["training"] == 25
    assert replace(half, training=10).trained == 10
    assert replace(half, evaluations=5).trained == 3
    assert recipe(None, tactic="random").options()["training"] is None
    for none_left in (replace(half, training=50), replace(half, evaluations=3)):
        with pytest.raises(InvalidInputError, match="leaves none for what the predictors find"):
            open_record(filled.store, NETWORK, none_left)

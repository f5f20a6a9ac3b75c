"""The contract of ask and tell, on every tactic."""

import os
import subprocess
import sys

import numpy as np
import pytest

from latbase.errors import SearchError, UnknownNameError
from latbase.searcher import Knowledge, Known, Objective, Search, algorithm_names, fit_predictor
from latbase.searcher.algorithms import Setting
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.objectives import Minimised
from latbase.searcher.tactics.registry import TACTICS
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, drive

COLD = [name for name in TACTICS if name != "warm_start"]


@pytest.mark.parametrize("tactic", COLD)
def test_nothing_is_asked_twice_and_seeds_decide(
    tactic: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    searches = [
        drive(
            Search(space, objectives, tactic, seed=seed, population=10, training=20), evaluate, 45
        )
        for seed in (3, 3, 4)
    ]
    genotypes = [search.evaluations[0] for search in searches]
    np.testing.assert_array_equal(genotypes[0], space.canonical(genotypes[0]))
    assert len(np.unique(genotypes[0], axis=0)) == len(genotypes[0])
    np.testing.assert_array_equal(genotypes[0], genotypes[1])
    assert genotypes[0].shape != genotypes[2].shape or (genotypes[0] != genotypes[2]).any()


@pytest.mark.parametrize("tactic", COLD)
def test_a_killed_search_resumes_to_the_same_end(
    tactic: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    def new() -> Search:
        return Search(space, objectives, tactic, seed=1, population=8, training=16)

    whole = drive(new(), evaluate, 40)
    genotypes, values = whole.evaluations
    resumed = new()
    resumed.replay(genotypes[:19], values[:19])
    if len(pending := resumed.pending):
        resumed.tell(pending[::-1], evaluate(pending[::-1]))
    drive(resumed, evaluate, 40)
    np.testing.assert_array_equal(resumed.evaluations[0], genotypes)


def test_replay_of_another_search_is_refused(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    other = drive(Search(space, objectives, seed=1), evaluate, 20)
    with pytest.raises(SearchError, match="went another way"):
        Search(space, objectives, "random", seed=2).replay(*other.evaluations)


@pytest.mark.parametrize("algorithm", [name for name in algorithm_names() if name != "ga"])
@pytest.mark.parametrize("tactic", ["full", "concurrent"])
def test_every_algorithm_runs_inside_tactics(  # noqa: PLR0917 - fixtures
    tactic: str,
    algorithm: str,
    space: SearchSpace,
    objectives: list[Objective],
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latbase.searcher.tactics.concurrent.GENERATIONS", 3)
    search = Search(space, objectives, tactic, algorithm=algorithm, population=12)
    assert len(drive(search, evaluate, 36).front()[0])


def test_single_objective_under_a_constraint(space: SearchSpace, evaluate: Evaluate) -> None:
    bounded = [
        Objective("top1", maximize=True),
        Objective("latency_ms", at_most=20, optimize=False),
    ]
    search = drive(Search(space, bounded, "full", algorithm="ga", population=20), evaluate, 100)
    genotypes, values = search.front()
    assert len(genotypes)
    assert (values[:, 1] <= 20).all()


def test_genetic_algorithm_refuses_two_objectives(
    space: SearchSpace, objectives: list[Objective]
) -> None:
    with pytest.raises(SearchError, match="one objective"):
        Search(space, objectives, "full", algorithm="ga").ask()


def test_unsga3_refuses_fewer_members_than_objectives(
    space: SearchSpace, objectives: list[Objective]
) -> None:
    three = [*objectives, Objective("depth")]
    with pytest.raises(SearchError, match="needs a population of 3 or more for 3 objectives"):
        Search(space, three, "full", algorithm="unsga3", population=2).ask()


@pytest.mark.parametrize("algorithm", [name for name in algorithm_names() if name != "ga"])
@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("at_most", [None, 25.0, -1.0])
def test_every_algorithm_takes_any_number_of_objectives_and_bounds_nothing_keeps(
    algorithm: str, width: int, at_most: float | None, space: SearchSpace, evaluate: Evaluate
) -> None:
    def values(genotypes: Genotypes) -> np.ndarray:
        counts = [(genotypes == index).sum(axis=1) for index in (1, 2)]
        return np.column_stack([evaluate(genotypes)[:, ::-1], *counts])[:, :width]

    several = [
        Objective("latency_ms", at_most=at_most),
        Objective("top1", maximize=True),
        Objective("ones"),
        Objective("twos"),
    ][:width]
    search = Search(space, several, "full", algorithm=algorithm, population=8)
    genotypes = drive(search, values, 24).evaluations[0]
    assert len(np.unique(genotypes, axis=0)) == len(genotypes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1; expected a whole number, 0 or more"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": True}, "seed is True"),
        ({"population": 0}, "population is 0; expected a whole number, 1 or more"),
        ({"population": -3}, "population is -3"),
        ({"population": 2.0}, "population is 2.0"),
        ({"population": True}, "population is True"),
        ({"training": 2}, "training is 2; expected a whole number, 3 or more"),
        ({"training": "9"}, "training is '9'"),
    ],
)
def test_numbers_that_make_no_search_are_refused_at_once(
    options: dict[str, int], message: str, space: SearchSpace, objectives: list[Objective]
) -> None:
    with pytest.raises(SearchError, match=message):
        Search(space, objectives, **options)  # type: ignore[arg-type]
    assert Search(space, objectives, seed=np.int64(3)).problem.seed == 3  # type: ignore[arg-type]


def test_three_objectives(space: SearchSpace, evaluate: Evaluate) -> None:
    three = [Objective("top1", maximize=True), Objective("latency_ms"), Objective("depth")]
    depth = [i for i, q in enumerate(space.parameters) if q.name.startswith("d[")]
    search = Search(space, three, seed=0)
    for _ in range(4):
        asked = search.ask()
        search.tell(asked, np.column_stack([evaluate(asked), asked[:, depth].sum(axis=1)]))
    assert len(search.front()[0]) > 1


def test_contract_violations_are_named_and_change_nothing(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, "random", population=4)
    asked = search.ask()
    with pytest.raises(SearchError, match="no values yet"):
        search.ask()
    with pytest.raises(SearchError, match="columns top1, latency_ms"):
        search.tell(asked, evaluate(asked)[:, :1])
    with pytest.raises(SearchError, match=r"expected \(k, 27\)"):
        search.tell(asked[:, :3], evaluate(asked))
    with pytest.raises(SearchError, match="must be finite"):
        search.tell(asked, np.full((4, 2), np.inf))
    with pytest.raises(SearchError, match="twice in one call"):
        search.tell(asked[[0, 0]], evaluate(asked[[0, 0]]))
    with pytest.raises(SearchError, match="not waiting for values"):
        search.tell(space.largest(), evaluate(space.largest()))
    search.tell(asked[:1], evaluate(asked[:1]))
    with pytest.raises(SearchError, match="not waiting for values"):
        search.tell(asked[:1], evaluate(asked[:1]))
    assert len(search.evaluations[0]) == 1
    assert len(search.pending) == 3


def test_failed_evaluations_stay_off_the_front_and_are_not_asked_again(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, seed=0)
    for _ in range(6):
        asked = search.ask()
        values = evaluate(asked)
        values[::2, 0] = np.nan
        search.tell(asked, values)
    assert not np.isnan(search.front()[1]).any()
    genotypes = search.evaluations[0]
    assert len(np.unique(genotypes, axis=0)) == len(genotypes)


@pytest.mark.parametrize("tactic", COLD)
def test_a_small_space_is_used_up_exactly(
    tactic: str, small_space: SearchSpace, objectives: list[Objective]
) -> None:
    search = Search(small_space, objectives, tactic, population=5, training=5)
    drive(search, lambda g: np.column_stack([g.sum(axis=1), g @ [3.0, 2.0, 1.0]]), 12)
    with pytest.raises(SearchError, match="All 12 sub-networks"):
        search.ask()


def test_recorded_evaluations_are_not_asked(
    small_space: SearchSpace, objectives: list[Objective]
) -> None:
    search = Search(small_space, objectives, "random", population=20)
    known = small_space.sample(5, 1)
    search.record(known, np.ones((5, 2)))
    assert len(search.ask()) == 7


def test_the_most_similar_front_is_taken_whole_before_the_next_is_thinned(
    space: SearchSpace, objectives: list[Objective]
) -> None:
    near, far = space.sample(10, 1), space.sample(60, 2)
    knowledge = Knowledge(fronts=[near, near[:3], far])
    first = Search(space, objectives, "warm_start", population=20, knowledge=knowledge).ask()
    assert (first[:10] == near).all()
    assert (first[[10, 19]] == far[[0, 59]]).all()


def test_warm_start_begins_with_the_front(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    front, _ = drive(Search(space, objectives, seed=5), evaluate, 40).front()
    warm = Search(space, objectives, "warm_start", knowledge=Knowledge(fronts=[front]))
    asked = {row.tobytes() for row in warm.ask()}
    assert {row.tobytes() for row in front} <= asked
    with pytest.raises(SearchError, match="needs the front"):
        Search(space, objectives, "warm_start")


def test_knowledge_of_other_configurations_helps(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    genotypes = space.sample(200, 11)
    values = evaluate(genotypes)
    source = fit_predictor(space.features(genotypes), values[:, 1] * 3.0, kind="ridge")
    known = Knowledge(
        known={"top1": Known(genotypes=genotypes, values=values[:, 0])},
        sources={"latency_ms": [source]},
    )
    reached = [
        drive(Search(space, objectives, seed=2, knowledge=knowledge), evaluate, 25)
        for knowledge in (Knowledge(), known)
    ]
    cold, warm = (_volume(search.front()[1]) for search in reached)
    assert warm > cold


def test_the_default_beats_evolution_and_random(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    volumes = {
        tactic: _volume(drive(Search(space, objectives, tactic, seed=1), evaluate, 100).front()[1])
        for tactic in ("auto", "full", "random")
    }
    assert volumes["auto"] > max(volumes["full"], volumes["random"])


def test_unknown_names_list_the_known_ones(space: SearchSpace, objectives: list[Objective]) -> None:
    with pytest.raises(UnknownNameError, match="no tactic 'best'; there are auto"):
        Search(space, objectives, "best")
    with pytest.raises(UnknownNameError, match="cannot be imported"):
        Search(space, objectives, "no.such.module:Tactic")


def test_same_search_whatever_the_hash_seed_and_threads() -> None:
    script = (
        "import hashlib, numpy as np, latbase.supernets, latbase.searcher as s\n"
        "space = latbase.supernets.load('ofa_mbv3_d234_e346_k357_w1.0').space\n"
        "o = [s.Objective('top1', maximize=True), s.Objective('latency_ms')]\n"
        "search = s.Search(space, o, seed=3)\n"
        "for _ in range(6):\n"
        "    g = search.ask()\n"
        "    f = space.features(g)\n"
        "    latency = f[:, :60].sum(axis=1) + 1e-9 * f[:, -1]\n"
        "    search.tell(g, np.column_stack([np.log(f[:, -1]), latency]))\n"
        "print(hashlib.sha256(search.evaluations[0].tobytes()).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "2"))
    }
    assert len(found) == 1


def _volume(values: np.ndarray) -> float:
    from latbase.searcher import pareto

    points = np.column_stack([-values[:, 0], values[:, 1]])
    return pareto.hypervolume(points, np.array([-69.0, 60.0]))


@pytest.mark.parametrize("tactic", ["full", "concurrent", "auto"])
def test_an_empty_front_is_as_good_as_none(
    tactic: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    knowledge = Knowledge(fronts=[np.empty(0, dtype=np.int8)])
    search = Search(space, objectives, tactic, population=10, knowledge=knowledge)
    assert len(drive(search, evaluate, 20).evaluations[0]) >= 20


@pytest.mark.parametrize("tactic", ["auto", "weaknas"])
def test_the_kind_of_predictor_can_be_chosen_by_comparison(
    tactic: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, tactic, predictor="auto", population=20)
    assert len(drive(search, evaluate, 45).evaluations[0]) >= 45


@pytest.mark.parametrize("algorithm", ["nsga2", "unsga3", "rnsga2", "agemoea", "mocmaes"])
def test_a_generation_that_fails_whole_is_not_the_end(
    algorithm: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, "full", algorithm=algorithm, population=10)
    asked = search.ask()
    search.tell(asked, np.full((len(asked), len(objectives)), np.nan))
    assert len(drive(search, evaluate, 40).evaluations[0]) >= 40


class Careless:
    """An algorithm of a user who has not read of canonical forms, nor of limits."""

    def __init__(self, setting: Setting, highest: int) -> None:
        self._p, self._highest = setting.problem.space.p, highest
        self._rng = np.random.default_rng(setting.seed)

    def ask(self) -> Genotypes:
        return self._rng.integers(self._highest, size=(10, self._p), dtype=np.int8)

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Learn nothing."""


class Silent(Careless):
    """One that has nothing to say."""

    def ask(self) -> Genotypes:
        return super().ask()[:0]


def silent(setting: Setting) -> Silent:
    return Silent(setting, 2)


@pytest.mark.parametrize("tactic", ["full", "concurrent", "predictors_first"])
def test_an_algorithm_that_asks_for_nothing_does_not_end_the_search(
    tactic: str, space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(
        space, objectives, tactic, algorithm=f"{__name__}:silent", population=10, training=20
    )
    assert len(drive(search, evaluate, 30).evaluations[0]) >= 30


def careless(setting: Setting) -> Careless:
    return Careless(setting, 2)


def reckless(setting: Setting) -> Careless:
    return Careless(setting, 100)


def test_what_a_users_algorithm_asks_is_made_canonical_or_refused_before_it_is_paid_for(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, "full", algorithm=f"{__name__}:careless", population=10)
    genotypes = drive(search, evaluate, 20).evaluations[0]
    np.testing.assert_array_equal(genotypes, space.canonical(genotypes))
    with pytest.raises(
        SearchError, match=r"reckless' failed in what it asked for: .*Genotype 0 has"
    ):
        Search(space, objectives, "full", algorithm=f"{__name__}:reckless").ask()


def test_answers_in_parts_are_kept_when_their_array_is_used_again(space: SearchSpace) -> None:
    search = Search(space, [Objective("latency_ms")], "random", population=4)
    told = np.empty((1, 1))
    for position, row in enumerate(search.ask()):
        told[0, 0] = position
        search.tell(row[None], told)
    assert search.evaluations[1].ravel().tolist() == [0.0, 1.0, 2.0, 3.0]

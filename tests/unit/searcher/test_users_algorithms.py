"""A user's own algorithm by import path: pymoo's, or anything with ask and tell."""

import sys
from pathlib import Path

import numpy as np
import pytest

from latbase.errors import SearchError, UnknownNameError
from latbase.searcher import Knowledge, Objective, Search
from latbase.searcher.algorithms import Setting
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.objectives import Minimised
from latbase.supernets import SearchSpace
from tests.unit.searcher import pymoo_factories as factories
from tests.unit.searcher.conftest import Evaluate, Values, drive

TWO = [Objective("top1", maximize=True), Objective("latency_ms")]
BOUNDED = [
    Objective("top1", maximize=True),
    Objective("latency_ms", at_most=25, optimize=False),
]
PYMOO = [(name, TWO) for name in factories.SEVERAL] + [(name, BOUNDED) for name in factories.ONE]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:pymoo", "ignore::UserWarning")


def path(name: str) -> str:
    return f"{factories.__name__}:{name}"


@pytest.mark.parametrize(("name", "objectives"), PYMOO)
def test_a_pymoo_algorithm_never_repeats_itself_and_follows_its_seed(
    name: str, objectives: list[Objective], space: SearchSpace, evaluate: Evaluate
) -> None:
    def new() -> Search:
        return Search(space, objectives, "full", 5, algorithm=path(name), population=10)

    first = drive(new(), evaluate, 60)
    genotypes, values = first.evaluations
    np.testing.assert_array_equal(genotypes, space.canonical(genotypes))
    assert len(np.unique(genotypes, axis=0)) == len(genotypes)
    resumed = new()
    resumed.replay(genotypes[:33], values[:33])
    np.random.random(3)  # noqa: NPY002 - others draw from the generator that CMA-ES draws from
    if len(pending := resumed.pending):
        resumed.tell(pending, evaluate(pending))
    drive(resumed, evaluate, 60)
    np.testing.assert_array_equal(resumed.evaluations[0], genotypes)


@pytest.mark.parametrize(("name", "objectives"), PYMOO)
def test_a_pymoo_algorithm_survives_failed_evaluations(
    name: str, objectives: list[Objective], space: SearchSpace, evaluate: Evaluate
) -> None:
    def sometimes(genotypes: Genotypes) -> Values:
        values = evaluate(genotypes)
        values[genotypes.sum(axis=1) % 4 == 0] = np.nan
        return values

    search = Search(space, objectives, "full", algorithm=path(name), population=10)
    asked = search.ask()
    search.tell(asked, np.full((len(asked), 2), np.nan))
    drive(search, sometimes, 50)
    assert len(search.front()[0])


@pytest.mark.parametrize(("name", "objectives"), PYMOO)
def test_a_pymoo_algorithm_searches_on_predictions(
    name: str,
    objectives: list[Objective],
    space: SearchSpace,
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latbase.searcher.tactics.concurrent.GENERATIONS", 3)
    search = Search(space, objectives, "concurrent", algorithm=path(name), population=10)
    assert len(drive(search, evaluate, 30).front()[0])


def test_pymoo_algorithms_learn(space: SearchSpace, evaluate: Evaluate) -> None:
    def best(tactic: str, algorithm: str) -> float:
        searches = (
            drive(
                Search(space, BOUNDED, tactic, seed, algorithm=algorithm, population=15),
                evaluate,
                150,
            )
            for seed in range(3)
        )
        return float(np.mean([search.front()[1][:, 0].max() for search in searches]))

    random = best("random", "ga")
    for name in ("de", "pso", "cmaes", "es", "brkga"):
        assert best("full", path(name)) > random + 0.1, name


def test_a_pymoo_algorithm_can_start_from_the_first_population(space: SearchSpace) -> None:
    front = space.sample(4, 9)
    search = Search(
        space,
        TWO,
        "warm_start",
        algorithm=path("started"),
        population=10,
        knowledge=Knowledge(fronts=[front]),
    )
    np.testing.assert_array_equal(search.ask()[:4], front)


def test_recorded_evaluations_join_a_genetic_algorithm(
    space: SearchSpace, evaluate: Evaluate
) -> None:
    """The largest is far better than what is drawn: its children are nearer to it."""

    def nearest(recorded: bool) -> float:
        search = Search(space, TWO[:1], "full", algorithm=path("nsga2"), population=10)
        if recorded:
            search.record(space.largest(), evaluate(space.largest())[:, :1])
        drive(search, lambda genotypes: evaluate(genotypes)[:, :1], 40)
        return float((search.evaluations[0][21:] == space.largest()).mean())

    assert nearest(recorded=True) > nearest(recorded=False) + 0.1


def test_how_long_a_search_is_must_be_said_to_who_asks(
    space: SearchSpace, objectives: list[Objective]
) -> None:
    search = Search(space, objectives, "full", algorithm=path("endless_rvea"), population=10)
    with pytest.raises(
        SearchError, match=r"endless_rvea' failed in its factory: .*n_gen or n_eval"
    ):
        search.ask()


def test_a_pymoo_algorithm_that_evaluates_by_itself_is_refused(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    search = Search(space, objectives, "full", algorithm=path("dynamic"), population=10)
    with pytest.raises(SearchError, match=r"dynamic' failed in ask\(\): .*evaluates by itself"):
        drive(search, evaluate, 30)


class Forgetful:
    """Asks for the same sub-networks, two of them twice, whatever it is told."""

    told: list[tuple[Genotypes, Minimised]]

    def __init__(self, setting: Setting) -> None:
        self._some = setting.problem.space.sample(4, 1)
        self.told = []
        made.append(self)

    def ask(self) -> Genotypes:
        return self._some[[0, 1, 2, 3, 1, 0]]

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        self.told.append((genotypes, outcome))


made: list[Forgetful] = []


def test_what_is_known_is_told_again_and_never_evaluated_again(
    space: SearchSpace, objectives: list[Objective], evaluate: Evaluate
) -> None:
    made.clear()
    search = Search(space, objectives, "full", algorithm=f"{__name__}:Forgetful", population=4)
    asked = search.ask()
    assert len(asked) == 4
    values = evaluate(asked)
    values[3] = np.nan
    search.tell(asked, values)
    assert len(drive(search, evaluate, 8).evaluations[0]) == 8
    first, again = made[0].told[:2]
    for genotypes, outcome in (first, again):
        np.testing.assert_array_equal(genotypes, asked[[0, 1, 2, 1, 0]])
        np.testing.assert_array_equal(outcome.points[:, 1], values[[0, 1, 2, 1, 0], 1])
    assert len(made) > 1  # one that only repeats itself begins anew


class OneByOne:
    """Asks for one sub-network at a time."""

    def __init__(self, setting: Setting) -> None:
        self._some = setting.problem.space.sample(100, 2)
        self.asked = 0
        lone.append(self)

    def ask(self) -> Genotypes:
        self.asked += 1
        return self._some[[self.asked]]

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        """Learn nothing."""


lone: list[OneByOne] = []


def test_who_asks_for_one_at_a_time_gets_more_turns_on_predictions(
    space: SearchSpace,
    objectives: list[Objective],
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latbase.searcher.tactics.concurrent.GENERATIONS", 5)
    lone.clear()
    search = Search(space, objectives, "concurrent", algorithm=f"{__name__}:OneByOne", population=6)
    drive(search, evaluate, 12)
    assert lone[0].asked == 20


def broken_factory(setting: Setting) -> Forgetful:
    raise RuntimeError(f"no licence for {setting.population}")


class Broken:
    """Fails where its subclass says."""

    def __init__(self, setting: Setting) -> None:
        self._space = setting.problem.space

    def ask(self) -> object:
        return self._space.sample(4, 1)

    def tell(self, genotypes: Genotypes, outcome: Minimised) -> None:
        raise ZeroDivisionError(f"{len(genotypes)} by {len(outcome.points) - 4}")


class AsksNothing(Broken):
    def ask(self) -> object:
        return None


class AsksReals(Broken):
    def ask(self) -> object:
        return self._space.sample(4, 1) + 0.5


class AsksBadly(Broken):
    def ask(self) -> object:
        raise KeyError("population")


def no_algorithm(setting: Setting) -> object:
    return [setting.seed]


def a_class(setting: Setting) -> object:
    del setting
    return Broken


@pytest.mark.parametrize("tactic", ["full", "concurrent"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken_factory", "broken_factory' failed in its factory: RuntimeError: no licence for 4"),
        ("no_algorithm", r"no_algorithm' returned \[.*expected a pymoo algorithm or an object"),
        ("a_class", "a_class' returned <class.*expected a pymoo algorithm or an object"),
        ("AsksBadly", r"AsksBadly' failed in ask\(\): KeyError: 'population'"),
        ("AsksNothing", r"AsksNothing' failed in what it asked for: .*whole numbers \(n, 27\)"),
        ("AsksReals", "AsksReals' failed in what it asked for: .*float64; genotypes are whole"),
        ("Broken", r"Broken' failed in tell\(\): ZeroDivisionError: 4 by 0"),
        ("made", "made' failed in its factory: TypeError: 'list' object is not callable"),
    ],
)
def test_errors_of_users_code_name_its_import_path(  # noqa: PLR0917 - fixtures
    tactic: str,
    name: str,
    message: str,
    space: SearchSpace,
    objectives: list[Objective],
    evaluate: Evaluate,
) -> None:
    search = Search(space, objectives, tactic, algorithm=f"{__name__}:{name}", population=4)
    with pytest.raises(SearchError, match=message) as caught:
        drive(search, evaluate, 20)
    if "failed" in message:
        assert caught.value.__cause__ is not None


def test_a_module_that_fails_while_it_is_imported_is_named(
    space: SearchSpace,
    objectives: list[Objective],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "half_written.py").write_text("def factory(setting:\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(UnknownNameError, match="half_written:factory' cannot be imported: Syntax"):
        Search(space, objectives, algorithm="half_written:factory")
    with pytest.raises(UnknownNameError, match=r"No module named 'absent'.*on PYTHONPATH"):
        Search(space, objectives, algorithm="absent:factory")
    with pytest.raises(UnknownNameError, match="cannot be imported: ValueError"):
        Search(space, objectives, algorithm=":factory")


@pytest.mark.parametrize("algorithm", ["nsga2", "agemoea", "unsga3"])
def test_the_only_success_stays_among_failures(space: SearchSpace, algorithm: str) -> None:
    """Children resemble the one that succeeded more than they resemble what is drawn."""
    resemblance = []
    for seed in range(5):
        search = Search(space, TWO, "full", seed, algorithm=algorithm, population=10)
        first = search.ask()
        values = np.full((10, 2), np.nan)
        values[3] = 5.0
        search.tell(first, values)
        for _ in range(6):
            asked = search.ask()
            search.tell(asked, np.full((len(asked), 2), np.nan))
        drawn = space.sample(50, 99 + seed)
        resemblance.append((asked == first[3]).mean() - (drawn == first[3]).mean())
    assert np.mean(resemblance) > 0.2


def test_a_violation_however_large_ranks_before_a_failure(space: SearchSpace) -> None:
    """The first that was evaluated breaks its bound a little, all others by much; most failed."""
    bounded = [Objective("latency_ms", at_most=1.0)]
    search = Search(space, bounded, "full", 0, algorithm="ga", population=10)
    asked = search.ask()
    values = np.full((10, 1), np.nan)
    values[9] = 2.0
    search.tell(asked, values)
    second = search.ask()
    search.tell(second, np.full((len(second), 1), 20.0))
    third = search.ask()
    alike = max((third[:, None] == second[None]).mean(axis=2).max(axis=1).mean(), 0.0)
    failed = (third[:, None] == asked[None, :9]).mean(axis=2).max(axis=1).mean()
    assert alike > failed


def test_a_factory_may_draw_from_numpys_global_generator(
    space: SearchSpace, evaluate: Evaluate
) -> None:
    def new() -> Search:
        return Search(space, TWO, "full", algorithm=path("drawn"), population=8)

    first = new()
    asked = first.ask()
    first.tell(asked, evaluate(asked))
    np.random.seed(5)  # noqa: NPY002 - as others do
    others = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    again = new()
    again.replay(asked, evaluate(asked))
    np.testing.assert_array_equal(np.random.random(3), others)  # noqa: NPY002
    np.testing.assert_array_equal(again.ask(), first.ask())

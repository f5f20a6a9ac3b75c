"""Predictors: every kind learns, transfer helps and is not fooled."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import check_grad

from latbase.errors import PredictorError, UnknownNameError
from latbase.searcher import choose_probes, fit_predictor, predictor_kinds
from latbase.searcher.predictors import fitting, gaussian_process, ridge, transfer, warped
from latbase.searcher.threads import one_thread
from latbase.supernets import SearchSpace
from tests.unit.searcher.conftest import Evaluate, Values

Floats = npt.NDArray[np.float64]


@pytest.fixture
def rows(space: SearchSpace, evaluate: Evaluate) -> tuple[Floats, Floats]:
    genotypes = space.sample(400, 3)
    return space.features(genotypes), evaluate(genotypes)[:, 1]


@pytest.mark.parametrize("kind", [*predictor_kinds(), "auto"])
def test_every_kind_learns_an_additive_latency(kind: str, rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    predictor = fit_predictor(features[:200], y[:200], kind=kind)
    tau, mape_percent = predictor.score(features[200:], y[200:])
    assert tau > 0.75
    assert mape_percent < 6
    mean, spread = predictor.predict(features[200:])
    assert mean.shape == spread.shape == (200,)
    assert (spread >= 0).all()


@pytest.mark.parametrize("kind", [*predictor_kinds(), "auto"])
@pytest.mark.parametrize("n", [3, 4])
def test_every_kind_takes_the_fewest_rows(kind: str, n: int, rows: tuple[Floats, Floats]) -> None:
    mean, _ = fit_predictor(rows[0][:n], rows[1][:n], kind=kind).predict(rows[0])
    assert np.isfinite(mean).all()


def test_auto_names_its_choice_and_the_scores(rows: tuple[Floats, Floats]) -> None:
    predictor = fit_predictor(rows[0][:60], rows[1][:60])
    scores = dict(predictor.scores)
    assert predictor.kind in scores
    assert len(scores) > 2


def test_ridge_is_the_leave_one_out_optimum(rows: tuple[Floats, Floats]) -> None:
    features, y = rows[0][:30], rows[1][:30]
    model = ridge.fit(features, y)
    x = model.scaling.apply(features)
    penalty = 1.0 / model.shrinkage[0]
    direct = np.linalg.solve(
        x.T @ x + (penalty - max(np.linalg.eigvalsh(x.T @ x)[0], 0.0)) * np.eye(x.shape[1]),
        x.T @ (y - y.mean()),
    )
    np.testing.assert_allclose(model.weights, direct, atol=1e-6)


def test_gaussian_process_gradient(rows: tuple[Floats, Floats]) -> None:
    features, y = rows[0][:25], rows[1][:25]
    inputs = gaussian_process.Inputs.of(features, y, None)
    likelihood = gaussian_process._Likelihood(inputs.apply(features), (y - y.mean()) / y.std())
    noise = np.linspace(1.0, 2.0, 25)
    start = gaussian_process.Hyper.centre(len(inputs.groups)) + 0.1
    error = check_grad(
        lambda h: likelihood.loss(h, noise)[0], lambda h: likelihood.loss(h, noise)[1], start
    )
    assert error < 1e-3


def test_gaussian_process_spread_covers_held_out_errors(rows: tuple[Floats, Floats]) -> None:
    noisy = rows[1] + np.random.default_rng(0).normal(0, 0.5, 400)
    predictor = fit_predictor(rows[0][:100], noisy[:100], kind="gp")
    mean, spread = predictor.predict(rows[0][100:])
    assert 0.8 < (np.abs(mean - noisy[100:]) < 2 * spread).mean() <= 1.0


def test_doubt_is_the_spread_without_noise_and_grows_where_nothing_was_seen(
    rows: tuple[Floats, Floats],
) -> None:
    features, y = rows
    seen = np.flatnonzero(features[:, 0] == 0)[:60]
    groups = (np.arange(features.shape[1]),)
    model = gaussian_process.fit(features[seen], y[seen], groups)
    noise = np.exp(model.logarithms[-1]) * model.unit**2
    doubt, spread = model.doubt(features), model.predict(features)[1]
    np.testing.assert_allclose((np.diag(doubt) + 1.0) * noise, spread**2, rtol=1e-6)
    other = features[seen].copy()
    other[:, 0] = 1.0
    assert (np.diag(model.doubt(other)) > np.diag(model.doubt(features[seen]))).all()


def test_a_heavy_tail_does_not_bend_the_process(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    disturbed = y[:100].copy()
    disturbed[::12] *= 2.5
    clean, dirty = (
        fit_predictor(features[:100], values, kind="gp").score(features[100:], y[100:])
        for values in (y[:100], disturbed)
    )
    assert dirty.mape_percent < clean.mape_percent + 6


def test_ten_probes_and_similar_sources_are_enough(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    rng = np.random.default_rng(1)
    sources = [
        fit_predictor(features[:200], y[:200] * 4.0, kind="ridge"),
        fit_predictor(features[:200], rng.permutation(y[:200]), kind="ridge"),
    ]
    probes = choose_probes(features[:200], 10, sources)
    assert len(set(probes.tolist())) == 10
    predictor = fit_predictor(features[probes], y[probes], sources=sources)
    assert predictor.kind == "transfer"
    assert predictor.score(features[200:], y[200:]).tau > 0.9


def test_useless_sources_do_not_fool(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    shuffled = np.random.default_rng(1).permutation(y[:200])
    source = fit_predictor(features[:200], shuffled, kind="ridge")
    alone = fit_predictor(features[:80], y[:80])
    fooled = fit_predictor(features[:80], y[:80], sources=[source])
    assert (
        fooled.score(features[200:], y[200:]).mape_percent
        < 1.2 * alone.score(features[200:], y[200:]).mape_percent
    )


def test_transfer_keeps_what_noisy_rows_cannot_improve(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    noisy = y * np.random.default_rng(2).lognormal(0.0, 0.1, len(y))
    source = fit_predictor(features[200:], 3.0 * y[200:], kind="ridge")
    few, more = (
        fit_predictor(features[:n], noisy[:n], sources=[source]).score(features[:200], y[:200])
        for n in (10, 60)
    )
    assert more.tau > few.tau - 0.02
    assert more.mape_percent < few.mape_percent + 1


def test_robust_ridge_resists_a_heavy_tail(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    disturbed = y[:200].copy()
    disturbed[::10] *= 2.0
    robust, plain = (
        fit_predictor(features[:200], disturbed, kind=kind).score(features[200:], y[200:])
        for kind in ("robust", "ridge")
    )
    assert robust.mape_percent < 0.7 * plain.mape_percent


def test_misuse_is_named(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    with pytest.raises(PredictorError, match="at least 3"):
        fit_predictor(features[:2], y[:2])
    with pytest.raises(PredictorError, match=r"expected \(n, f\) and \(n,\)"):
        fit_predictor(features, y[:5])
    with pytest.raises(PredictorError, match="finite"):
        fit_predictor(features, np.where(y > y[0], np.nan, y))
    with pytest.raises(UnknownNameError, match="there are ridge"):
        fit_predictor(features, y, kind="oracle")
    with pytest.raises(PredictorError, match="this predictor takes"):
        fit_predictor(features, y, kind="ridge").predict(features[:, :3])


class Steep:
    """A source that grows faster with the size than others do."""

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        return features.sum(axis=1) ** 3, np.ones(len(features))


def test_probes_are_by_turns_what_one_and_the_other_source_thinks_slow() -> None:
    features = np.random.default_rng(0).random((400, 2)) + 0.2
    one, two = (
        fit_predictor(features, 10.0 + features @ weights, kind="ridge")
        for weights in ([10.0, 14.0], [14.0, 10.0])
    )
    probes = choose_probes(features, 10, [one, two, Steep()])
    apart = one.predict(features)[0] - two.predict(features)[0]
    ranks = apart.argsort().argsort()[probes] / len(features)
    assert abs(ranks[1::2].mean() - ranks[::2].mean()) > 0.4


@pytest.mark.parametrize("sources", [0, 1, 2])
@pytest.mark.parametrize("n", [1, 2, 19, 20, 30])
def test_as_many_probes_as_asked_or_there_are(
    sources: int, n: int, rows: tuple[Floats, Floats]
) -> None:
    features, y = rows
    known = [fit_predictor(features, y, kind="ridge")] * sources  # in full agreement
    probes = choose_probes(features[:20], n, known)
    assert len(set(probes.tolist())) == len(probes) == min(n, 20)


def test_probes_leave_the_ends_out(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    source = fit_predictor(features, y, kind="ridge")
    size = source.predict(features)[0].argsort().argsort()
    for sources in ([source], [source, source]):
        chosen = size[choose_probes(features, 10, sources)]
        assert chosen.min() >= 10
        assert chosen.max() < 390


def test_sources_that_ten_rows_contradict_give_way() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((400, 4))
    y = 10.0 + 8.0 * features[:, 0]
    source = fit_predictor(features, 10.0 + 8.0 * features[:, 1], kind="ridge")
    assert fit_predictor(features[:10], y[:10], sources=[source]).kind != "transfer"
    similar = fit_predictor(features, 3.0 * y, kind="ridge")
    noisy = y[:10] * rng.lognormal(0.0, 0.03, 10)
    assert fit_predictor(features[:10], noisy, sources=[similar]).kind == "transfer"


def test_expectation_is_the_posterior_mean(rows: tuple[Floats, Floats]) -> None:
    features, y = rows
    groups = (np.arange(4), np.arange(4, features.shape[1]))
    model = gaussian_process.fit(features[:60], y[:60], groups)
    bent = model.expectation
    straight = dataclasses.replace(bent, weights=np.zeros_like(bent.weights))
    assert np.abs(bent(np.hstack(model.x)) - straight(np.hstack(model.x))).max() > 1e-3
    np.testing.assert_allclose(model.mean(features), model.predict(features)[0], rtol=1e-9)


def test_rows_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(PredictorError, match="same features"):
        fit_predictor(np.ones((10, 3)), np.arange(10.0))


def uneven_noise(y: Values) -> Values:
    return gaussian_process.Unevenness.of(y)(y)


def test_noise_grows_with_the_value_within_limits() -> None:
    noise = uneven_noise(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(noise, [0.25, 1.0, 4.0])
    extreme = uneven_noise(np.array([1e-9, 1.0, 1e9]))
    np.testing.assert_allclose(extreme, [1 / 9, 1.0, 9.0])
    np.testing.assert_array_equal(uneven_noise(np.array([-1.0, 0.0, 5.0])), 1.0)


def test_weighing_noise_that_grows_with_the_value_lowers_the_error() -> None:
    rng = np.random.default_rng(0)
    even: list[float] = []
    weighed: list[float] = []
    for _ in range(15):
        x = rng.random((60, 4))
        true = 1.0 + 20.0 * x @ np.array([0.4, 0.3, 0.2, 0.1])
        y = true * (1.0 + 0.01 * rng.normal(size=60))
        for errors, relative in ((even, None), (weighed, uneven_noise(y))):
            with one_thread():
                model = gaussian_process.fit(x, y, relative=relative)
            errors.append(np.abs(model.mean(x) / true - 1.0).mean())
    assert np.mean(weighed) < np.mean(even)


def test_a_process_may_rest_on_a_part_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_process, "MOST_ROWS", 40)
    features = np.random.default_rng(0).random((90, 3))
    y = 5.0 + features @ [1.0, 2.0, 3.0]
    with one_thread():
        fitted = warped.fit(features, y)
    assert fitted.left_out.shape == y.shape
    np.testing.assert_allclose(fitted.left_out, y, atol=0.2)


def test_rows_that_repeat_leave_no_kind_without_a_number() -> None:
    features = np.array([[0.0, 5.0], [0.0, 5.0], [0.0, 5.0], [1.0, 7.0]])
    fitted = fit_predictor(features, np.array([1.0, 2.0, 3.0, 4.0]))
    assert all(np.isfinite(score.mape_percent) for _, score in fitted.scores)
    assert np.isfinite(fitted.predict(features)[0]).all()


def test_errors_that_are_no_numbers_are_never_the_least() -> None:
    assert fitting._mean_size(np.array([0.1, np.nan])) == np.inf


def test_values_that_are_mostly_zero_combine_sources() -> None:
    features = np.random.default_rng(0).random((12, 3))
    source = fit_predictor(features, features.sum(axis=1), kind="ridge")
    for y in (np.zeros(12), np.where(np.arange(12) < 2, 1.0, 0.0)):
        mean, spread = transfer.fit(features, y, [source]).predict(features)
        assert np.isfinite(mean).all()
        assert np.isfinite(spread).all()
        assert np.median(np.abs(mean)) < 0.5


def test_a_robust_fit_says_how_far_usual_rows_are_off() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 5))
    true = x @ np.arange(1.0, 6.0)
    y = true + rng.normal(size=600)
    y[:60] += 50.0
    _, spread = ridge.fit_robust(x, y).predict(x)
    assert 0.9 < np.median(spread) < 1.2
    assert np.median(ridge.fit(x, y).predict(x)[1]) > 5.0


@pytest.mark.parametrize("kind", ["warped", "transfer"])
def test_spread_grows_with_the_value_as_noise_does(kind: str) -> None:
    """Noise of 2 % of the value: the same share of small and of large ones."""
    rng = np.random.default_rng(0)
    x = rng.random((100, 4))
    true = np.exp(4.0 * x @ np.array([0.6, 0.4, 0.3, 0.2]))
    y = true * (1.0 + 0.02 * rng.normal(size=100))
    rough = fit_predictor(x, np.log(true), kind="ridge")
    with one_thread():
        model = warped.fit(x, y) if kind == "warped" else transfer.fit(x, y, [rough])
    mean, spread = model.predict(x)
    share = spread / mean
    small, large = mean < np.quantile(mean, 0.2), mean > np.quantile(mean, 0.8)
    assert 0.01 < np.median(share[large]) < 0.04
    assert np.median(share[small]) < 2.0 * np.median(share[large])


def test_a_combination_of_sources_is_judged_on_rows_it_was_not_fitted_on() -> None:
    rng = np.random.default_rng(0)
    known = 10.0 + 5.0 * rng.random((12, 4))
    y = known @ [0.5, 0.0, 0.3, 0.0] * (1.0 + 0.02 * rng.normal(size=12))
    combination = transfer.combine(known, y)
    others = [
        transfer.combine(np.delete(known, row, 0), np.delete(y, row))(known[row : row + 1])[0]
        for row in range(12)
    ]
    np.testing.assert_allclose(y - combination.left_out, y - others, rtol=0.3, atol=0.15)
    assert np.abs(y - combination.left_out).mean() > 1.2 * np.abs(y - combination(known)).mean()

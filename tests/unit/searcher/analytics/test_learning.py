"""Learning curves from the store: more rows, less error; every prediction is held out."""

import numpy as np
import pytest
from scipy import stats

from latbase import supernets
from latbase.db import connect, queries
from latbase.errors import PredictorError, UnknownNameError
from latbase.searcher import results
from latbase.searcher.analytics.learning import (
    draw,
    draw_rankings,
    evaluated,
    learning,
    plan,
    rankings,
)
from latbase.searcher.catalogue import TrainingData, training_data
from latbase.searcher.predictors import assessment
from tests.studied import SUPERNET


@pytest.fixture(scope="module")
def data(studied):
    network = supernets.load(SUPERNET)
    with connect(studied, read_only=True) as store:
        places = queries.configurations(store)["configuration_id"].to_pylist()
        return [training_data(store, network, place) for place in places]


def test_error_falls_with_training_rows(data):
    found = learning(data[0])
    assert found.plan.sizes == (10, 20, 50, 100, 160)
    assert found.mape_percent[:, -1].mean() < found.mape_percent[:, 0].mean() / 2
    assert found.score.tau > 0.95
    assert len(found.predicted) == len(found.measured) == 240


def measured(n: int) -> TrainingData:
    """Return ``n`` sub-networks with their work and some noise as latency."""
    network = supernets.load(SUPERNET)
    genotypes = network.space.sample(n, 0)
    noise = np.random.default_rng(0).normal(1.0, 0.02, n)
    return TrainingData(
        network=network,
        supernet_id="s",
        configuration_id="c",
        metric="latency_ms",
        genotypes=genotypes,
        values=network.costs(genotypes)[:, 0] / 1e7 * noise,
    )


def test_a_curve_is_the_papers_where_there_are_rows_enough():
    planned = plan(measured(1500))
    assert (planned.test_rows, planned.trials) == (500, 10)
    assert (planned.sizes[0], planned.sizes[-1]) == (100, 1000)
    assert str(planned) == "10 trials, tested on the same 500 of 1500 sub-networks"


def test_fewer_rows_are_tested_on_fewer_and_say_so(data):
    planned = plan(data[0], trials=2)
    assert str(planned) == "2 trials, tested on the same 80 of 240 sub-networks"
    found = learning(data[0], planned=planned)
    assert found.tau.shape == (2, 5)
    assert {(each.test_size, each.trials) for each in found.lessons()} == {(80, 2)}
    assert draw(found, "one thread").axes[1].get_title() == str(planned)


def test_sizes_that_cannot_be_trained_are_refused(data):
    assert plan(data[0], sizes=(160, 20), test_rows=80).sizes == (20, 160)
    with pytest.raises(PredictorError, match=r"200 is too large: .* the 80 that test leave 160"):
        plan(data[0], sizes=(20, 200))


def test_the_same_rows_test_every_fit_and_no_fit_sees_them(monkeypatch):
    trained: list[set[float]] = []
    tested: list[set[float]] = []

    class Watched:
        def score(self, _features, y):
            tested.append(set(y.tolist()))
            return 0.5, 1.0

    def fit(_features, y, _kind):
        trained.append(set(y.tolist()))
        return Watched()

    monkeypatch.setattr(assessment, "fit_predictor", fit)
    y = np.arange(50.0)
    steps: list[int] = []
    scores = assessment.scores_by_size(
        y[:, None], y, "ridge", (10, 30), test_rows=20, trials=3, on_fit=steps.append
    )
    assert scores.tolist() == [[[0.5, 1.0]] * 2] * 3
    assert steps == [1, 2, 3, 4, 5, 6]
    assert all(each == tested[0] and len(each) == 20 for each in tested)
    assert [len(each) for each in trained] == [10, 30] * 3
    assert not any(tested[0] & each for each in trained)
    assert trained[0] < trained[1]
    assert trained[1] == trained[3]  # all that is left
    assert trained[0] != trained[2]


def test_too_few_rows_are_refused_with_what_to_do():
    with pytest.raises(PredictorError, match=r"12 sub-networks .* latbase profile"):
        learning(measured(12))


def test_the_table_has_a_row_per_configuration(data):
    found = rankings(data)
    assert {row.configuration_id for row in found} == {each.configuration_id for each in data}
    assert all(row.tau > 0.9 for row in found)


def test_a_search_gives_what_it_evaluated_and_names_what_it_has(studied):
    network = supernets.load(SUPERNET)
    with connect(studied, read_only=True) as store:
        found = results.load(store, "10")
    data = evaluated(found, network, "top1")
    assert data.values == pytest.approx(network.predicted_top1(data.genotypes))
    assert len(data.values) == len(found.values)
    with pytest.raises(UnknownNameError, match=r"no 'energy_mj'; it has top1, latency_ms"):
        evaluated(found, network, "energy_mj")


def test_the_picture_shows_errors_by_size_and_every_prediction_with_its_scores(data):
    found = learning(data[0])
    errors, ranks, scattered = draw(found, "one thread").axes
    for axes, scores in ((errors, found.mape_percent), (ranks, found.tau)):
        line = axes.lines[0]
        assert np.asarray(line.get_xdata()).tolist() == list(found.plan.sizes)
        assert line.get_ydata() == pytest.approx(scores.mean(axis=0))
    points = np.asarray(scattered.collections[0].get_offsets())
    assert points == pytest.approx(np.column_stack([found.measured, found.predicted]))
    tau = stats.kendalltau(found.measured, found.predicted).statistic
    mape = 100 * np.mean(np.abs(found.predicted / found.measured - 1))
    assert f"τ {tau:.3f}, MAPE {mape:.2f} %" in scattered.get_title()


def test_values_that_nobody_measured_are_not_called_measured(data):
    *_, scattered = draw(learning(data[0]), "a search", source="validated").axes
    assert scattered.get_xlabel() == "validated latency_ms"


def test_normalised_predictions_show_no_milliseconds(data):
    *_, scattered = draw(learning(data[0]), "one thread", normalised=True).axes
    measured = np.asarray(scattered.collections[0].get_offsets())[:, 0]
    assert (measured.min(), measured.max()) == (0.0, 1.0)
    assert scattered.get_xlabel() == "measured latency_normalised"


def test_table_3_shows_the_tau_of_every_supernet_and_configuration(data):
    found = rankings(data)
    (axes, *_) = draw_rankings(found).axes
    shown = {text.get_position()[0]: text.get_text() for text in axes.texts}
    places = [label.get_text() for label in axes.get_xticklabels()]
    expected = {row.configuration_id[:8]: f"{row.tau:.3f}" for row in found}
    assert {places[int(column)]: text for column, text in shown.items()} == expected

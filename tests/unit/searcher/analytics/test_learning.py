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
    rankings,
)
from latbase.searcher.catalogue import TrainingData, training_data
from tests.studied import SUPERNET


@pytest.fixture(scope="module")
def data(studied):
    network = supernets.load(SUPERNET)
    with connect(studied, read_only=True) as store:
        places = queries.configurations(store)["configuration_id"].to_pylist()
        return [training_data(store, network, place) for place in places]


def test_error_falls_with_training_rows(data):
    found = learning(data[0])
    assert found.sizes == (10, 20, 50, 100, 180)
    assert found.mape_percent[:, -1].mean() < found.mape_percent[:, 0].mean() / 2
    assert found.score.tau > 0.95
    assert len(found.predicted) == len(found.measured) == 240


def test_too_few_rows_are_refused_with_what_to_do(data):
    few = TrainingData(
        network=data[0].network,
        supernet_id=data[0].supernet_id,
        configuration_id=data[0].configuration_id,
        metric="latency_ms",
        genotypes=data[0].genotypes[:12],
        values=data[0].values[:12],
    )
    with pytest.raises(PredictorError, match=r"12 sub-networks .* latbase profile"):
        learning(few)


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
    errors, scattered = draw(found, "one thread").axes
    line = errors.lines[0]
    assert np.asarray(line.get_xdata()).tolist() == list(found.sizes)
    assert line.get_ydata() == pytest.approx(found.mape_percent.mean(axis=0))
    points = np.asarray(scattered.collections[0].get_offsets())
    assert points == pytest.approx(np.column_stack([found.measured, found.predicted]))
    tau = stats.kendalltau(found.measured, found.predicted).statistic
    mape = 100 * np.mean(np.abs(found.predicted / found.measured - 1))
    assert f"τ {tau:.3f}, MAPE {mape:.2f} %" in scattered.get_title()


def test_values_that_nobody_measured_are_not_called_measured(data):
    _, scattered = draw(learning(data[0]), "a search", source="validated").axes
    assert scattered.get_xlabel() == "validated latency_ms"


def test_normalised_predictions_show_no_milliseconds(data):
    _, scattered = draw(learning(data[0]), "one thread", normalised=True).axes
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

"""Learning curves from the store: more rows, less error; every prediction is held out."""

import pytest

from latbase import supernets
from latbase.db import connect, queries
from latbase.errors import PredictorError
from latbase.searcher.analytics.learning import learning, rankings
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

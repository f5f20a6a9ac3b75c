"""The bundled top-1 predictor against published, validated accuracies."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau

from latbase.errors import UnknownNameError
from latbase.supernets import Supernet, load


def test_it_ranks_the_published_sub_networks(mobilenet: Supernet, shared_data: Path) -> None:
    rows = pq.read_table(shared_data / "ofa_mbv3_w10_imagenet_top1.parquet").to_pylist()
    g = mobilenet.space.from_configs([{k: row[k] for k in ("ks", "e", "d")} for row in rows])
    top1 = np.array([row["top1"] for row in rows])
    predicted = mobilenet.predicted_top1(g)
    assert kendalltau(predicted, top1).statistic > 0.95
    assert np.abs(predicted - top1).mean() < 0.05


def test_it_says_where_it_comes_from_and_how_good_it_is(mobilenet: Supernet) -> None:
    predictor = mobilenet.top1_predictor
    assert predictor is not None
    assert predictor.kendall_tau >= 0.95
    assert predictor.mape_percent < 0.1
    assert predictor.n_train == 1188
    assert "DyNAS-T" in predictor.source
    assert "seed" in predictor.validation


def test_it_stays_sane_over_the_whole_space(mobilenet: Supernet) -> None:
    """Published accuracies of this supernet lie between 71.0 and 77.5 %."""
    space = mobilenet.space
    smallest, largest = mobilenet.predicted_top1(np.vstack([space.smallest(), space.largest()]))
    everywhere = mobilenet.predicted_top1(space.sample(5000, seed=0))
    assert 70 < smallest < everywhere.min()
    assert everywhere.max() < largest < 78


def test_inactive_parameters_do_not_matter(mobilenet: Supernet) -> None:
    g = np.random.default_rng(0).integers(0, 3, (200, 45)).astype(np.int8)
    np.testing.assert_array_equal(
        mobilenet.predicted_top1(g), mobilenet.predicted_top1(mobilenet.space.canonical(g))
    )


def test_a_supernet_without_one_says_what_to_do() -> None:
    net = load("ofa_resnet50")
    assert net.top1_predictor is None
    with pytest.raises(UnknownNameError, match="ofa_resnet50 has no bundled top-1 predictor"):
        net.predicted_top1(net.space.smallest())

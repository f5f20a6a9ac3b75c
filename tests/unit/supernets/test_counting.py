"""Counted costs against analytic ones; the zero-cost score against its definition."""

import numpy as np
import pytest
import torch
from torch import nn

from latbase.errors import SupernetError
from latbase.supernets import Supernet
from latbase.supernets.accuracy.proxy import Naswot, naswot
from latbase.supernets.counting import counted


def test_counting_agrees_with_analytic_costs(net: Supernet) -> None:
    config = net.space.to_configs(net.space.sample(1, seed=3))[0]
    assert counted(net.build(config), net.inputs(1, 64)) == net.cost(config, 64)


def test_attention_is_counted_with_its_products() -> None:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True).eval()
    projections, attention = 10 * (4 * 64 * 64 + 2 * 64 * 128), 2 * 10 * 10 * 64
    assert counted(layer, (torch.randn(1, 10, 64),)).macs == projections + attention


def test_naswot_is_the_log_determinant_of_agreeing_units() -> None:
    x = torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, -2.0]])
    both = nn.Sequential(nn.ReLU(), nn.Hardtanh(-1, 1))  # relu's output keeps no negatives
    first, second = np.array([[3, 1], [1, 3]]), np.array([[3, 1], [1, 3]])
    expected = np.linalg.slogdet(first + second).logabsdet
    assert naswot(both, (x,)) == pytest.approx(expected)


def test_naswot_prefers_the_larger_and_says_where_it_comes_from(mobilenet: Supernet) -> None:
    score = Naswot(supernet=mobilenet)
    small, large = (
        mobilenet.space.to_configs(g)[0]
        for g in (mobilenet.space.smallest(), mobilenet.space.largest())
    )
    assert np.isfinite(score(small))
    assert score(small) < score(large)
    assert score.label == "proxy"


def test_naswot_needs_a_rectifier() -> None:
    with pytest.raises(SupernetError, match="no ReLU-like activation"):
        naswot(nn.Linear(2, 2), (torch.ones(2, 2),))

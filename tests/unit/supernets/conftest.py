"""Supernets, loaded once."""

import pytest

from latbase.supernets import Supernet, load

NAMES = (
    "ofa_mbv3_d234_e346_k357_w1.0",
    "ofa_mbv3_d234_e346_k357_w1.2",
    "ofa_proxyless_d234_e346_k357_w1.3",
    "ofa_resnet50",
)


@pytest.fixture(scope="session", params=NAMES)
def net(request: pytest.FixtureRequest) -> Supernet:
    """Each built-in supernet in turn."""
    return load(request.param)


@pytest.fixture(scope="session")
def mobilenet() -> Supernet:
    return load(NAMES[0])

"""Static sub-networks: counted, compared with ofa's supernets, and fit to be timed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

import latbase.supernets.ofa_compat  # noqa: F401 - makes ofa importable
from latbase.errors import InvalidInputError
from latbase.supernets import Cost, Supernet
from latbase.supernets.filling import build_filled


@contextmanager
def counted(network: nn.Module) -> Iterator[list[int]]:
    """Collect the multiply-accumulates of every convolution and linear layer that runs."""
    found: list[int] = []

    def hook(module: Any, _: object, output: torch.Tensor) -> None:
        per_output = module.weight[0].numel()
        found.append(output[0].numel() * per_output)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    yield found
    for handle in handles:
        handle.remove()


def ofa_supernet(net: Supernet) -> Any:
    """The elastic original of ``net``, random weights, eval mode."""
    # Not at the top: sorted imports would come before the one that makes ofa importable.
    from ofa.imagenet_classification.elastic_nn import networks

    torch.manual_seed(0)
    mbconv = {"ks_list": [3, 5, 7], "expand_ratio_list": [3, 4, 6], "depth_list": [2, 3, 4]}
    if net.name == "ofa_resnet50":
        elastic = networks.OFAResNets(
            depth_list=[0, 1, 2],
            expand_ratio_list=[0.2, 0.25, 0.35],
            width_mult_list=[0.65, 0.8, 1.0],
        )
    elif "proxyless" in net.name:
        elastic = networks.OFAProxylessNASNets(
            base_stage_width="proxyless", width_mult=1.3, dropout_rate=0, **mbconv
        )
    else:
        width = float(net.name.rpartition("w")[2])
        elastic = networks.OFAMobileNetV3(width_mult=width, dropout_rate=0, **mbconv)
    for module in elastic.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.get_buffer("running_mean"), -0.1, 0.1)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 1.5)
    return elastic.eval()


def sampled_configs(net: Supernet, n: int) -> list[dict[str, Any]]:
    ends = [*net.space.to_configs(net.space.smallest()), *net.space.to_configs(net.space.largest())]
    return ends + net.space.to_configs(net.space.sample(n, seed=11))


@torch.no_grad()
def test_a_static_sub_network_is_the_supernets_active_one(net: Supernet) -> None:
    elastic = ofa_supernet(net)
    (image,) = net.inputs(2, 96)
    for config in sampled_configs(net, 3):
        elastic.set_active_subnet(**config)
        static = net.build(config)
        static.load_state_dict(elastic.get_active_subnet().state_dict())
        assert torch.equal(static(image), elastic(image))


@torch.no_grad()
@pytest.mark.parametrize("input_size", [224, 127])
def test_costs_agree_with_counting(net: Supernet, input_size: int) -> None:
    for config in sampled_configs(net, 2):
        network = net.build(config)
        with counted(network) as macs:
            network(*net.inputs(1, input_size))
        params = sum(parameter.numel() for parameter in network.parameters())
        assert net.cost(config, input_size) == Cost(macs=sum(macs), params=params)


@torch.no_grad()
def test_outputs_are_healthy_and_reproducible(net: Supernet) -> None:
    for config in sampled_configs(net, 1):
        first, second = net.build(config), net.build(config)
        assert not first.training
        (image,) = net.inputs(2, 64, seed=5)
        output = first(image)
        assert torch.equal(output, second(*net.inputs(2, 64, seed=5)))
        assert not torch.equal(output[0], output[1])
        assert 1e-3 < output.std() < 100


def test_no_tensor_is_constant_or_denormal(net: Supernet) -> None:
    network = net.build(net.space.to_configs(net.space.largest())[0])
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            assert tensor.std() > 0, name
            assert tensor.abs().min() > torch.finfo(torch.float32).tiny, name


def test_networks_that_other_threads_make_meanwhile_are_initialised() -> None:
    torch.manual_seed(0)
    expected = nn.Linear(4, 4).weight
    made: list[nn.Linear] = []

    def build() -> nn.Module:
        torch.manual_seed(0)
        with ThreadPoolExecutor(1) as other:
            made.append(other.submit(nn.Linear, 4, 4).result())
        return nn.Linear(4, 4)

    before = nn.Linear.reset_parameters
    filled = build_filled(build)
    assert torch.equal(made[0].weight, expected)
    assert not torch.equal(filled.state_dict()["weight"], expected)
    assert nn.Linear.reset_parameters is before


def test_input_sizes_reach_the_inputs(net: Supernet) -> None:
    assert net.inputs(3)[0].shape == (3, 3, 224, 224)
    assert net.inputs(1, 96)[0].shape == (1, 3, 96, 96)
    assert not torch.equal(net.inputs(1, 32, seed=1)[0], net.inputs(1, 32, seed=2)[0])


def test_a_configuration_of_another_space_is_refused(mobilenet: Supernet) -> None:
    with pytest.raises(InvalidInputError, match="found the keys d, e, w; expected ks, e, d"):
        mobilenet.build({"d": [0] * 5, "e": [0.2] * 18, "w": [0] * 6})


@torch.no_grad()
def test_resnet_values_taken_for_equal_build_the_same_network() -> None:
    """ofa's own supernet is the judge: d[0] 0 and 1, w[0] 0 and 1."""
    from latbase.supernets import load

    net = load("ofa_resnet50")
    elastic = ofa_supernet(net)
    (image,) = net.inputs(1, 64)
    config = sampled_configs(net, 1)[-1]

    def output(d: int, w: int) -> torch.Tensor:
        elastic.set_active_subnet(d=[d, *config["d"][1:]], e=config["e"], w=[w, *config["w"][1:]])
        result: torch.Tensor = elastic(image)
        return result

    assert torch.equal(output(0, 0), output(1, 1))
    assert not torch.equal(output(0, 0), output(2, 0))
    assert not torch.equal(output(0, 0), output(0, 2))

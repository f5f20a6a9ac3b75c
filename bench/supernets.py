"""Throughput of spaces and model building on one core, beside ofa's own ways to build.

Rates are the best of several rounds in rows per second; building times are the best in
milliseconds. ``build`` skips the random initialisation that ofa's ``build_from_config`` spends
most of its time on, and needs no supernet in memory, unlike ``get_active_subnet``.
"""

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from threadpoolctl import threadpool_limits

import latbase.supernets.ofa_compat  # noqa: F401 - makes ofa importable
from latbase.supernets import Supernet, load, names

ROUNDS = 7
ROWS = 50_000
HEADINGS = ("features/s", "costs/s", "top1/s", "build", "from config", "extract")


def best_s(run: Callable[[], object]) -> float:
    """Return the shortest of some runs in seconds, the first left out."""
    run()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def elastic(net: Supernet) -> Any:
    """Return ofa's own supernet of that name."""
    from ofa.imagenet_classification.elastic_nn import networks  # noqa: PLC0415 - after ofa_compat

    mbconv = {"ks_list": [3, 5, 7], "expand_ratio_list": [3, 4, 6], "depth_list": [2, 3, 4]}
    if net.name == "ofa_resnet50":
        return networks.OFAResNets(
            depth_list=[0, 1, 2],
            expand_ratio_list=[0.2, 0.25, 0.35],
            width_mult_list=[0.65, 0.8, 1.0],
        )
    width = float(net.name.rpartition("w")[2])
    family = networks.OFAProxylessNASNets if "proxyless" in net.name else networks.OFAMobileNetV3
    return family(width_mult=width, dropout_rate=0, **mbconv)


def building_ms(net: Supernet) -> list[float]:
    """Time the three ways to a static sub-network, in milliseconds."""
    config: Any = net.space.to_configs(net.space.smallest())[0]
    original = elastic(net)
    original.set_active_subnet(**config)
    static = original.get_active_net_config()
    family = type(original.get_active_subnet(preserve_weight=False))
    ways: list[Callable[[], object]] = [
        lambda: net.build(config),
        lambda: family.build_from_config(copy.deepcopy(static)),
        original.get_active_subnet,
    ]
    return [1000 * best_s(way) for way in ways]


def main() -> None:
    print(f"{'supernet':<36}" + "".join(f"{heading:>13}" for heading in HEADINGS))
    for name in names():
        net = load(name)
        g = net.space.sample(ROWS, seed=0)
        rates = [best_s(lambda: net.space.features(g)), best_s(lambda: net.costs(g))]  # noqa: B023
        if net.top1_predictor is not None:
            rates.append(best_s(lambda: net.predicted_top1(g)))  # noqa: B023
        cells = [f"{ROWS / seconds:,.0f}" for seconds in rates] + ["-"] * (3 - len(rates))
        cells += [f"{ms:.1f} ms" for ms in building_ms(net)]
        print(f"{name:<36}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()

"""Hold a supernet to its contract by building a few of its sub-networks and running them."""

import torch

from latbase.errors import LatbaseError, SupernetError
from latbase.identity import canonical_json
from latbase.supernets.counting import counted
from latbase.supernets.supernet import NOTHING_TO_BUILD, Config, Supernet

SAMPLED = 3
"""Random sub-networks checked beside the smallest and the largest."""

TOLERANCE = 0.01
"""A computed cost may differ by this share from the counted one: frameworks round differently."""


def check(net: Supernet) -> list[str]:
    """Build, run and appraise a few sub-networks; return what was found right, in words.

    Raises:
        SupernetError: the first thing that is wrong, with the sub-network that shows it.
    """
    space = net.space
    genotypes = [space.smallest(), space.largest(), *space.sample(SAMPLED, seed=0)[:, None]]
    configs = [space.to_configs(genotype)[0] for genotype in genotypes]
    said = [f"{net.name}: {space.p} parameters, {space.size} sub-networks."]
    if net.default_input_size != NOTHING_TO_BUILD:
        for config in configs:
            _check_network(net, config)
        net.finished(configs[0])
        said.append(f"{len(configs)} built, run at batch sizes 1 and 2, and built again alike.")
    for name, appraiser in net.appraisers.items():
        value = appraiser(configs[0])
        canonical_json(appraiser.conditions)  # under which values are kept
        said.append(f"{name} of the smallest sub-network: {value:.6g} ({appraiser.label}).")
    return said


def _check_network(net: Supernet, config: Config) -> None:
    first, second = net.build(config), net.build(config)
    single = _output(net, config, first, 1)
    if not bool(torch.isfinite(single).all()):
        raise _wrong(net, config, "its output is not finite", "scale its weights sensibly")
    if not torch.equal(single, _output(net, config, second, 1)):
        raise _wrong(
            net,
            config,
            "two builds of it give different outputs",
            "make build deterministic, e.g. torch.manual_seed(0) before layers are made",
        )
    double = _output(net, config, first, 2)
    if len(single) != 1 or len(double) != 2:  # noqa: PLR2004 - the batch sizes
        raise _wrong(
            net,
            config,
            f"batches of 1 and 2 give outputs {tuple(single.shape)} and {tuple(double.shape)}",
            "let the first axis be the batch",
        )
    computed, found = net.cost(config), counted(first, net.inputs(1))
    for unit in ("macs", "params"):
        own, real = getattr(computed, unit), getattr(found, unit)
        if abs(own - real) > TOLERANCE * real:
            raise _wrong(
                net, config, f"cost says {own} {unit}, its network has {real}", "repair cost"
            )


def _output(net: Supernet, config: Config, network: torch.nn.Module, batch: int) -> torch.Tensor:
    inputs = net.inputs(batch)
    try:
        with torch.inference_mode():
            output = network(*inputs)
    except LatbaseError:
        raise
    except Exception as error:
        shapes = ", ".join(str(tuple(each.shape)) for each in inputs)
        raise _wrong(
            net,
            config,
            f"it fails on inputs of shape {shapes} ({type(error).__name__}: {error})",
            "make input_shape and the network's first layer agree, and each layer with the next",
        ) from error
    if not isinstance(output, torch.Tensor):
        raise _wrong(net, config, f"its output is a {type(output).__name__}", "put out one tensor")
    return output


def _wrong(net: Supernet, config: Config, found: str, fix: str) -> SupernetError:
    told = " ".join(found.split())  # what torch raises may have many lines
    return SupernetError(f"Supernet {net.name}, sub-network {dict(config)}: {told}; {fix}.")

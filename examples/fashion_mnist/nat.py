"""Train the shared weights for what a search finds good, as Neural Architecture Transfer does.

In every round the search asks for sub-networks; they and the front so far are trained, then
validated; the search is told (Lu et al., Neural Architecture Transfer, TPAMI 2021). What was told
early comes from earlier weights, so the front is validated again at the end.
"""

import argparse
from itertools import cycle

import numpy as np
import torch
from supernet import WEIGHTS, Config, Fashion, normalised, pixels, read
from torch.nn import functional
from train import BATCH, scores

from latbase.searcher import Objective, Search
from latbase.supernets import SearchSpace
from latbase.supernets.counting import counted

OBJECTIVES = (Objective("top1", maximize=True), Objective("macs"))
RATE = 1e-3


def main() -> None:
    """Adapt the shipped weights and print the front before and after its last validation."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=8)
    options.add_argument("--steps", type=int, default=40)
    chosen = options.parse_args()
    net = Fashion()
    search = Search(SearchSpace(net.parameters), OBJECTIVES, population=8)
    adapt(net, search, chosen.rounds, chosen.steps)
    genotypes, told = search.front()
    configs = search.problem.space.to_configs(genotypes)
    for (top1, macs), config in zip(told, configs, strict=True):
        now = net.evaluate(config)["top1"]
        print(f"{macs / 1e6:6.2f} M multiply-accumulates: told {top1:.2f} %, now {now:.2f} %")
    print(f"The weights of {WEIGHTS.name} stay as they were.")


def adapt(net: Fashion, search: Search, rounds: int, steps: int) -> None:
    """Train the weights of ``net`` and tell ``search`` how its sub-networks do, round by round."""
    weights = {name: tensor.clone().requires_grad_() for name, tensor in net.weights.items()}
    net.weights = weights
    optimizer = torch.optim.AdamW(weights.values(), lr=RATE, weight_decay=1e-4)
    space = search.problem.space
    for number in range(rounds):
        asked = search.ask()
        trained = space.to_configs(np.vstack([asked, search.front()[0]]))
        torch.manual_seed(number)
        for _, config in zip(range(steps), cycle(trained), strict=False):
            train_one(config, weights, optimizer)
        search.tell(asked, np.array([values(net, config) for config in space.to_configs(asked)]))


def train_one(
    config: Config, weights: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Take one step on one batch of training images."""
    images, labels = pixels("train"), read("train-labels-idx1-ubyte.gz").long()
    chosen = torch.randint(len(images), (BATCH,))
    optimizer.zero_grad()
    found = scores(dict(config), weights, normalised(images[chosen]))
    functional.cross_entropy(found, labels[chosen]).backward()
    optimizer.step()


def values(net: Fashion, config: Config) -> tuple[float, float]:
    """Return top-1 on the test images and multiply-accumulates of one image."""
    image = torch.zeros(1, *net.input_shape)
    return net.evaluate(config)["top1"], counted(net.build(config), (image,)).macs


if __name__ == "__main__":
    main()

"""Train the shared weights with the sandwich rule: the largest, the smallest, random ones.

The largest sub-network learns from the labels, all others from what it says (Yu and Huang,
Universally Slimmable Networks, ICCV 2019).
"""

import argparse
import time

import torch
from safetensors.torch import save_file
from supernet import WEIGHTS, Fashion, Network, Weights, normalised, pixels, read, shared
from torch.func import functional_call
from torch.nn import functional

from latbase.supernets import SearchSpace

BATCH = 128
RANDOM = 2
"""Random sub-networks per step."""
PEAK_RATE = 6e-3


def main() -> None:
    """Train and write the weights."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--epochs", type=float, default=8)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = options.parse_args()
    torch.manual_seed(0)
    weights = train(chosen.epochs, torch.device(chosen.device))
    save_file({name: tensor.detach().cpu() for name, tensor in weights.items()}, WEIGHTS)


def train(epochs: float, device: torch.device) -> Weights:
    """Return trained tensors of the largest sub-network."""
    space = SearchSpace(Fashion.parameters)
    largest, smallest = (space.to_configs(each)[0] for each in (space.largest(), space.smallest()))
    images, labels = pixels("train"), read("train-labels-idx1-ubyte.gz").long()
    weights = dict(Network(largest).to(device).named_parameters())
    optimizer = torch.optim.AdamW(weights.values(), lr=PEAK_RATE, weight_decay=1e-4)
    steps = round(epochs * len(images) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    begin = time.monotonic()
    for step in range(steps):
        chosen = torch.randint(len(images), (BATCH,))
        x = normalised(images[chosen]).to(device, memory_format=torch.channels_last)
        y = labels[chosen].to(device)
        if step % 2:
            x = x.flip(3)
        optimizer.zero_grad()
        teacher = scores(largest, weights, x)
        loss = functional.cross_entropy(teacher, y)
        loss.backward()
        said = teacher.detach().softmax(1)
        for config in (smallest, *space.to_configs(space.sample(RANDOM, seed=step))):
            functional.cross_entropy(scores(config, weights, x), said).backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(
                f"step {step}/{steps}, {time.monotonic() - begin:.0f} s, loss {loss:.3f}",
                flush=True,
            )
    return weights


def scores(config: dict[str, object], weights: Weights, images: torch.Tensor) -> torch.Tensor:
    """Run the sub-network of ``config`` on shared ``weights`` with the statistics of this batch."""
    network = Network(config).to(images.device)
    found: torch.Tensor = functional_call(network, shared(network, weights), (images,))
    return found


if __name__ == "__main__":
    main()

"""Train the shared weights with the sandwich rule: the largest, the smallest, random ones.

The largest sub-network learns from the translations, all others from what it says (Yu and Huang,
Universally Slimmable Networks, ICCV 2019). Sentences are generated as they are needed.
"""

import argparse
import time

import torch
from sentences import pairs
from supernet import CHOICES, ENGLISH, GERMAN, WEIGHTS
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from latbase.supernets import hat_checkpoint
from latbase.supernets.hat import HatSupernet
from latbase.supernets.hat_model import EOS, PAD, ElasticTransformer
from latbase.supernets.hat_space import Dimensions, dimensions
from latbase.supernets.parameter import Genotypes

BATCH = 64
RANDOM = 1
"""Random sub-networks per step."""
PEAK_RATE = 3e-3


def main() -> None:
    """Train and write the weights."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=1600)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = options.parse_args()
    torch.manual_seed(0)
    elastic = train(chosen.steps, torch.device(chosen.device))
    hat_checkpoint.save(elastic.cpu().half(), WEIGHTS)


def train(steps: int, device: torch.device) -> ElasticTransformer:
    """Return the trained supernet."""
    net = HatSupernet("untrained", CHOICES)
    (largest,), smallest = sized(net, net.space.largest()), sized(net, net.space.smallest())
    elastic = net.elastic().to(device)
    optimizer = torch.optim.AdamW(elastic.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    begin = time.process_time()
    for step in range(steps):
        source, previous, following = (each.to(device) for each in batch(f"step {step}"))
        real = following != PAD
        optimizer.zero_grad()
        teacher = elastic(source, previous, largest)[real]
        loss = functional.cross_entropy(teacher, following[real])
        loss.backward()
        said = teacher.detach().softmax(1)
        for sizes in (*smallest, *sized(net, net.space.sample(RANDOM, seed=step))):
            functional.cross_entropy(elastic(source, previous, sizes)[real], said).backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            spent = time.process_time() - begin
            print(f"step {step}/{steps}, {spent:.0f} s of CPU, loss {loss:.3f}", flush=True)
    return elastic


def sized(net: HatSupernet, genotypes: Genotypes) -> list[Dimensions]:
    """Return the sizes of each sub-network."""
    return [
        dimensions(net.choices, net.space, config) for config in net.space.to_configs(genotypes)
    ]


def batch(seed: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return sources, and targets shifted by one and not, each padded, int64 (BATCH, tokens)."""
    rows = [
        (ENGLISH.encode(source), GERMAN.encode(target)) for source, target in pairs(BATCH, seed)
    ]
    return (
        padded([[*source, EOS] for source, _ in rows]),
        padded([[EOS, *target] for _, target in rows]),
        padded([[*target, EOS] for _, target in rows]),
    )


def padded(rows: list[list[int]]) -> Tensor:
    """Fill up behind the end."""
    tensors = [torch.tensor(row) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=PAD)


if __name__ == "__main__":
    main()

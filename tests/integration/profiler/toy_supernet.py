"""A supernet small enough to measure in milliseconds, some of whose sub-networks misbehave."""

import os
import signal
import sys
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from latbase.supernets import Parameter, SearchSpace, Supernet

DOZING = 12
"""Calls of "wake" that wait, as far as clocks can tell, for a processor; all calls of "wait" do."""


class Layers(torch.nn.Module):
    def __init__(self, width: int, depth: int, behaviour: str) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            *[torch.nn.Conv2d(3 if i == 0 else width, width, 3, padding=1) for i in range(depth)]
        )
        self.behaviour = behaviour
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.behaviour == "raise":
            raise RuntimeError("shapes cannot be multiplied")
        if self.behaviour == "exit":
            sys.exit(3)
        if self.behaviour == "mumble":
            os.write(2, b"Gr\xf6\xdfe\n")
            os.abort()
        if self.behaviour == "crash":
            os.abort()
        if self.behaviour == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour == "hang":
            time.sleep(600)
        self.calls += 1
        if self.behaviour == "wait" or (self.behaviour == "wake" and self.calls <= DOZING):
            time.sleep(0.002)
        y: torch.Tensor = self.layers(x)
        return y


class Toy(Supernet):
    name = "toy"
    default_input_size = 16
    space = SearchSpace(
        [
            Parameter("width", (8, 16, 32)),
            Parameter("depth", (2, 3, 4)),
            # The reference networks, seed 0's first, are 2, 3, 2 and 2 here: they behave.
            Parameter(
                "behaviour",
                ("raise", "crash", "ok", "wait", "killed", "hang", "wake", "exit", "mumble"),
            ),
        ]
    )

    def costs(
        self, g: npt.NDArray[np.int8], input_size: int | None = None
    ) -> npt.NDArray[np.int64]:
        side = input_size or self.default_input_size
        params = [
            sum(p.numel() for p in self.build(config).parameters())
            for config in self.space.to_configs(g)
        ]
        return np.array([(count * side**2, count) for count in params], np.int64)

    def build(self, config: Mapping[str, object]) -> torch.nn.Module:
        torch.manual_seed(0)
        width, depth = int(str(config["width"])), int(str(config["depth"]))
        return Layers(width, depth, str(config["behaviour"])).eval()

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> tuple[torch.Tensor, ...]:
        side = input_size or self.default_input_size
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(batch_size, 3, side, side, generator=generator),)

"""Channel cuts: networks written as a function, and cuts of every free group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.kernels.graph.channel_groups import Group

Forward = Callable[[Any, Tensor], Tensor]


class Written(nn.Module):
    """A network whose forward pass is a function of its layers and the input."""

    def __init__(self, forward: Forward, **layers: nn.Module) -> None:
        super().__init__()
        self.written = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.written(self, inputs)


def written(
    forward: Forward, shape: tuple[int, ...] = (4, 3, 8, 8), **layers: Callable[[], nn.Module]
) -> tuple[nn.Module, Tensor]:
    """A network of layers with weights from seed 0, in evaluation mode, and inputs of this shape."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Written(forward, **{name: build() for name, build in layers.items()}).eval(), torch.randn(shape)


def thirds(groups: list[Group]) -> dict[int, list[int]]:
    """Every third channel of each free group goes; one channel alone stays."""
    free = [group for group in groups if not group.frozen and group.channels > 1]
    return {group.id: [channel for channel in range(group.channels) if channel % 3] for group in free}


def by_layer(groups: list[Group]) -> dict[str, Group]:
    """The last group that each layer makes."""
    return {layer: group for group in groups for layer in group.layers("out")}

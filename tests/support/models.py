"""A small convolutional network by the factory, and whether two networks have the same weights."""

from __future__ import annotations

import torch
from torch import nn

from tasks.models import factory

CONVNET = "tasks.architectures:convnet"


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether both have the same tensors, bit by bit."""
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def build(seed: int = 0, width: int = 4) -> nn.Module:
    """A network for grey pictures of 8x8 pixels and four classes."""
    return factory.build_network(CONVNET, {"input_shape": [1, 8, 8], "outputs": 4, "width": width}, seed=seed)

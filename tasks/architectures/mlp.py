"""A multilayer perceptron for tables."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import nn


def mlp(
    input_shape: Sequence[int], outputs: int, width: int = 64, depth: int = 2, dropout: float = 0.0
) -> nn.Sequential:
    """`depth` hidden layers of `width` neurons with ReLU.

    Args:
        input_shape: shape of one example; more than one dimension is flattened.
        outputs: how many numbers for one example, at least 1.
        width: neurons of each hidden layer, at least 1.
        depth: hidden layers, at least 0 (then it is a linear model).
        dropout: probability of dropping a hidden neuron in training, from 0 to below 1.
    """
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    features = prod(input_shape)
    for _ in range(depth):
        layers += [nn.Linear(features, width), nn.ReLU(inplace=True)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        features = width
    return nn.Sequential(*layers, nn.Linear(features, outputs))

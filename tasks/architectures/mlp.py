"""A multilayer perceptron for tables."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_count, check_dropout, check_kind
from tasks.architectures.building_blocks import hidden_layer

BLOCKS = ("plain", "residual")


class ResidualLayer(nn.Module):
    """A hidden layer with a shortcut, at constant width (as in Gorishniy et al. 2021, without the norm)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, width) → the same shape."""
        answer: Tensor = rows + self.body(rows)
        return answer


def mlp(
    input_shape: Sequence[int],
    outputs: int,
    width: int = 64,
    depth: int = 2,
    dropout: float = 0.0,
    block: str = "plain",
) -> nn.Sequential:
    """`depth` hidden layers of `width` neurons with ReLU.

    Args:
        input_shape: shape of one example; flattened when it has more than one dimension.
        outputs: number of outputs for one example, at least 1.
        width: neurons of each hidden layer, at least 1.
        depth: number of hidden layers, at least 0 (a linear model).
        dropout: probability of dropping a hidden neuron in training, from 0 to below 1.
        block: the kind of each hidden layer after the first: `plain`, or `residual` with a shortcut.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_count("width", width)
    check_count("depth", depth, least=0)
    check_kind("block", block, BLOCKS)
    check_dropout(dropout)
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    features = prod(input_shape)
    for place in range(depth):
        hidden = _hidden(features, width, dropout)
        layers += [ResidualLayer(nn.Sequential(*hidden))] if place and block == "residual" else hidden
        features = width
    return nn.Sequential(*layers, nn.Linear(features, outputs))


def _hidden(features: int, width: int, dropout: float) -> list[nn.Module]:
    layers = hidden_layer(features, width, dropout)
    return layers if dropout else layers[:-1]  # without a place for dropout, as the names of stored weights say

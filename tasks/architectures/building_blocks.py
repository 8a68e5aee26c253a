"""Building blocks that several networks share: pooling in front of the last layer, and the weights to begin with."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """Global average pooling: (batch, channels, …) → (batch, channels), then dropout if there is any.

    A plain mean, because torch exports adaptive pooling and flatten as a chain of shape operators that costs time.
    """

    def __init__(self, axes: Sequence[int] = (2, 3), dropout: float = 0.0) -> None:
        super().__init__()
        self.axes = tuple(axes)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, images: Tensor) -> Tensor:
        """The mean of each channel."""
        means = images.mean(self.axes)
        return means if self.dropout is None else self.dropout(means)


def initialize_convolutions(network: nn.Module) -> None:
    """Draws the weights of every convolution as He et al. 2015 do for ReLU; biases begin at 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def hidden_layer(features: int, neurons: int, dropout: float) -> list[nn.Module]:
    """A fully connected layer with ReLU and dropout; three layers, also without dropout, so that names stay."""
    return [nn.Linear(features, neurons), nn.ReLU(inplace=True), nn.Dropout(dropout)]

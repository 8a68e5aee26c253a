"""A small convolutional network for small images: stages of convolution, batch norm and ReLU."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """(batch, channels, height, width) → (batch, channels).

    A plain mean: torch exports adaptive pooling and flatten as a chain of shape operators that costs time.
    """

    def forward(self, images: Tensor) -> Tensor:
        """The mean of each channel."""
        return images.mean((2, 3))


def convnet(input_shape: Sequence[int], outputs: int, width: int = 16, depth: int = 2) -> nn.Sequential:
    """`depth` stages of two 3x3 convolutions; the width doubles and the picture halves after each stage.

    Args:
        input_shape: (channels, height, width) of one image; at least 2**(depth - 1) pixels a side.
        outputs: how many numbers for one example, at least 1.
        width: channels of the first stage, at least 1.
        depth: stages, at least 1.
    """
    layers: list[nn.Module] = []
    channels = input_shape[0]
    for stage in range(depth):
        planes = width * 2**stage
        layers += [*_convolution(channels, planes), *_convolution(planes, planes)]
        if stage < depth - 1:
            layers.append(nn.MaxPool2d(2))
        channels = planes
    return nn.Sequential(*layers, GlobalAverage(), nn.Linear(channels, outputs))


def _convolution(channels: int, planes: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, planes, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(planes), nn.ReLU(inplace=True)]

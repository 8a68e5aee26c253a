"""A small convolutional network for small images: stages of plain, residual or depthwise separable convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_count, check_dropout, check_kind, check_odd
from tasks.architectures.building_blocks import GlobalAverage

BLOCKS = ("plain", "residual", "separable")


class Residual(nn.Module):
    """A residual block of two convolutions of the same width (He et al. 2016)."""

    def __init__(self, planes: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_plain(planes, planes, kernel), *_plain(planes, planes, kernel)[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """(batch, planes, height, width) → the same shape."""
        return nn.functional.relu(self.body(images) + images)


def convnet(
    input_shape: Sequence[int],
    outputs: int,
    width: int = 16,
    depth: int = 2,
    kernel: int = 3,
    block: str = "plain",
    dropout: float = 0.0,
) -> nn.Sequential:
    """`depth` stages of convolutions; after each stage, the width doubles and the image's sides halve.

    Args:
        input_shape: (channels, height, width) of one image; at least 2**(depth - 1) pixels a side.
        outputs: number of outputs for one example, at least 1.
        width: channels of the first stage, at least 1.
        depth: number of stages, at least 1.
        kernel: side of the kernels in pixels, odd.
        block: the kind of stage. `plain`: two convolutions; `residual`: a convolution, then a residual block of two
            (He et al. 2016); `separable`: two depthwise separable convolutions (Howard et al. 2017), except that the
            network's first convolution is a plain one.
        dropout: probability of dropping a feature in front of the last layer in training, from 0 to below 1.

    Raises:
        ValueError: an argument is out of its range, or the image is too small for the depth.
    """
    check_count("width", width)
    check_count("depth", depth)
    check_odd("kernel", kernel)
    check_kind("block", block, BLOCKS)
    check_dropout(dropout)
    least = min(input_shape[1:], default=0)
    if 0 < least < 2 ** (depth - 1):
        law = f"depth must be at most {least.bit_length()} for images of {least} pixels a side"
        raise ValueError(f"{law}, but got {depth}")
    layers: list[nn.Module] = []
    channels = input_shape[0]
    for stage in range(depth):
        planes = width * 2**stage
        layers += _stage(channels, planes, kernel, block, is_first=stage == 0)
        if stage < depth - 1:
            layers.append(nn.MaxPool2d(2))
        channels = planes
    return nn.Sequential(*layers, GlobalAverage(dropout=dropout), nn.Linear(channels, outputs))


def _stage(channels: int, planes: int, kernel: int, block: str, *, is_first: bool) -> list[nn.Module]:
    if block == "residual":
        return [*_plain(channels, planes, kernel), Residual(planes, kernel)]
    second = _separable if block == "separable" else _plain
    first = _plain if is_first else second
    return [*first(channels, planes, kernel), *second(planes, planes, kernel)]


def _plain(channels: int, planes: int, kernel: int, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, planes, kernel, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(planes), nn.ReLU(inplace=True)]


def _separable(channels: int, planes: int, kernel: int) -> list[nn.Module]:
    return [*_plain(channels, channels, kernel, groups=channels), *_plain(channels, planes, 1)]

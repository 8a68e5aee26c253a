"""MobileNetV2 (Sandler et al. 2018): inverted residuals with depthwise convolutions.

The parameters have the names of torchvision's checkpoints (`features.2.conv.0.0.weight`, `classifier.1.weight`, …).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_count, check_dropout, check_factor
from tasks.architectures.building_blocks import GlobalAverage, initialize_convolutions
from tasks.architectures.image_stems import has_large_stem

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""The paper's table 2: expansion, channels, number of blocks, and stride of the first, of each stage."""


class InvertedResidual(nn.Module):
    """1x1 to more channels, depthwise 3x3, 1x1 to few channels without activation; a shortcut where shapes agree."""

    def __init__(self, channels: int, planes: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.has_shortcut = stride == 1 and channels == planes
        self.conv = nn.Sequential(
            *([_unit(channels, hidden, 1)] if expansion > 1 else []),
            _unit(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, planes, 1, bias=False),
            nn.BatchNorm2d(planes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, planes, height / stride, width / stride)."""
        changed: Tensor = self.conv(images)
        return images + changed if self.has_shortcut else changed


class MobileNetV2(nn.Module):
    """Inverted residuals in `features`, their mean over all pixels, dropout and one linear layer in `classifier`."""

    def __init__(self, features: nn.Sequential, channels: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.features, self.average = features, GlobalAverage()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, outputs))
        initialize_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        logits: Tensor = self.classifier(self.average(self.features(images)))
        return logits


def mobilenet_v2(
    input_shape: Sequence[int],
    outputs: int,
    width: float = 1.0,
    depth: float = 1.0,
    dropout: float = 0.2,
    stem: str = "auto",
    last: int = 1280,
) -> MobileNetV2:
    """MobileNetV2 of a width and a depth relative to the paper's.

    Args:
        input_shape: (channels, height, width) of one image; at least 8 pixels a side, with the large stem 32.
        outputs: number of outputs for one example.
        width: factor of the channels, above 0; channels are rounded to multiples of 8.
        depth: factor of the number of blocks of each stage, above 0, rounded up.
        dropout: probability of dropping a feature in front of the last layer in training, from 0 to below 1.
        stem: `large` has the paper's strides, 32 in all; `small` leaves out the first two, that of the first
            convolution and that of the stage of 24 channels; `auto` takes the large one from 96 pixels on.
        last: features in front of the last layer, at least 1; times `width` where that is above 1.

    Raises:
        ValueError: an argument is out of its range, or the image is too small.
    """
    check_factor("width", width)
    check_factor("depth", depth)
    check_dropout(dropout)
    check_count("last", last)
    is_large = has_large_stem(stem, input_shape, least=(8, 32))
    channels = _rounded(32 * width)
    layers: list[nn.Module] = [_unit(input_shape[0], channels, 3, stride=2 if is_large else 1)]
    for stage, (expansion, base, blocks, halving) in enumerate(STAGES):
        planes = _rounded(base * width)
        stride = halving if is_large or stage != 1 else 1
        for place in range(ceil(blocks * depth)):
            layers.append(InvertedResidual(channels, planes, 1 if place else stride, expansion))
            channels = planes
    features = _rounded(last * max(1.0, width))
    return MobileNetV2(nn.Sequential(*layers, _unit(channels, features, 1)), features, outputs, dropout)


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and not below 90 % of the channels (as in the authors' code)."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _unit(channels: int, planes: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, planes, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(planes), nn.ReLU6(inplace=True))

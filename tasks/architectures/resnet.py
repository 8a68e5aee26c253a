"""The residual networks for CIFAR of He et al. 2016 (section 4.2), with parameter-free (option A) shortcuts.

The parameters have the names of commonly shared checkpoints (`layer1.0.conv1.weight`, …).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from tasks.architectures.argument_checks import check_count, check_dropout, check_odd
from tasks.architectures.building_blocks import GlobalAverage


class Block(nn.Module):
    """Two convolutions and a shortcut: the identity, or every second pixel padded with zero channels."""

    def __init__(self, channels: int, planes: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel, padding=kernel // 2, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride = stride
        self.padding = planes - channels

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, planes, height / stride, width / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))

    def shortcut(self, images: Tensor) -> Tensor:
        """The images unchanged, or strided and padded with zero channels on both sides (option A)."""
        if self.stride == 1 and self.padding == 0:
            return images
        before, after = self.padding // 2, self.padding - self.padding // 2
        return functional.pad(images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, after))


class ResNet(nn.Module):
    """Three stages of blocks at widths w, 2w and 4w, global average pooling and one linear layer."""

    def __init__(self, channels: int, outputs: int, depth: int, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, stride=1, kernel=kernel)
        self.layer2 = _stage(width, 2 * width, blocks, stride=2, kernel=kernel)
        self.layer3 = _stage(2 * width, 4 * width, blocks, stride=2, kernel=kernel)
        self.average = GlobalAverage(dropout=dropout)
        self.linear = nn.Linear(4 * width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.linear(self.average(hidden))
        return logits


def _stage(channels: int, planes: int, blocks: int, stride: int, kernel: int) -> nn.Sequential:
    first = Block(channels, planes, stride, kernel)
    return nn.Sequential(first, *(Block(planes, planes, 1, kernel) for _ in range(blocks - 1)))


def resnet(
    input_shape: Sequence[int], outputs: int, depth: int = 20, width: int = 16, kernel: int = 3, dropout: float = 0.0
) -> ResNet:
    """A residual network of 6n + 2 layers.

    Args:
        input_shape: (channels, height, width) of one image.
        outputs: number of outputs for one example.
        depth: number of layers, 6n + 2 (20, 32, 44, 56, …).
        width: channels of the first stage, at least 1.
        kernel: side of the kernels in pixels, odd.
        dropout: probability of dropping a feature in front of the last layer in training, from 0 to below 1.

    Raises:
        ValueError: an argument is out of its range, or `depth` is not 6n + 2.
    """
    check_count("width", width)
    check_odd("kernel", kernel)
    check_dropout(dropout)
    if not isinstance(depth, int) or depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, …), but got {depth!r}")
    return ResNet(input_shape[0], outputs, depth, width, kernel, dropout)


resnet20 = partial(resnet, depth=20)
resnet32 = partial(resnet, depth=32)
resnet44 = partial(resnet, depth=44)
resnet56 = partial(resnet, depth=56)

"""The residual networks for ImageNet of He et al. 2016 (section 4.1), with basic and bottleneck blocks.

The parameters have the names of torchvision's checkpoints (`layer1.0.conv1.weight`, `layer2.0.downsample.0.weight`, …).
A bottleneck has its stride in the 3x3 convolution, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from tasks.architectures.argument_checks import check_choice, check_count, check_dropout
from tasks.architectures.building_blocks import GlobalAverage, initialize_convolutions
from tasks.architectures.image_stems import has_large_stem


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        nn.init.zeros_(self.bn2.weight)
        self.downsample = _downsample(channels, planes, stride)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, planes, height / stride, width / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        shortcut = images if self.downsample is None else self.downsample(images)
        return functional.relu(self.bn2(self.conv2(hidden)) + shortcut)


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution to four times the planes, and a shortcut."""

    expansion = 4

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        nn.init.zeros_(self.bn3.weight)
        self.downsample = _downsample(channels, planes * self.expansion, stride)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, 4 * planes, height / stride, width / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        hidden = functional.relu(self.bn2(self.conv2(hidden)))
        shortcut = images if self.downsample is None else self.downsample(images)
        return functional.relu(self.bn3(self.conv3(hidden)) + shortcut)


BLOCKS_BY_DEPTH: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = {
    10: (BasicBlock, (1, 1, 1, 1)),
    18: (BasicBlock, (2, 2, 2, 2)),
    26: (Bottleneck, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
"""The kind of block of each depth, and the number of blocks of each of its stages."""


class ImageNetResNet(nn.Module):
    """A stem, four stages of blocks at widths w, 2w, 4w and 8w, global average pooling and one linear layer."""

    def __init__(self, channels: int, outputs: int, depth: int, width: int, dropout: float, is_large: bool) -> None:
        super().__init__()
        kind, counts = BLOCKS_BY_DEPTH[depth]
        kernel, stride = (7, 2) if is_large else (3, 1)
        self.conv1 = nn.Conv2d(channels, width, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if is_large else None
        self.layer1 = _stage(kind, width, width, counts[0], stride=1)
        self.layer2 = _stage(kind, kind.expansion * width, 2 * width, counts[1], stride=2)
        self.layer3 = _stage(kind, kind.expansion * 2 * width, 4 * width, counts[2], stride=2)
        self.layer4 = _stage(kind, kind.expansion * 4 * width, 8 * width, counts[3], stride=2)
        self.average = GlobalAverage(dropout=dropout)
        self.fc = nn.Linear(kind.expansion * 8 * width, outputs)
        initialize_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        if self.maxpool is not None:
            hidden = self.maxpool(hidden)
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        logits: Tensor = self.fc(self.average(hidden))
        return logits


def _downsample(channels: int, planes: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels == planes:
        return None
    return nn.Sequential(nn.Conv2d(channels, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))


def _stage(kind: type[BasicBlock | Bottleneck], channels: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    first = kind(channels, planes, stride)
    return nn.Sequential(first, *(kind(kind.expansion * planes, planes, 1) for _ in range(blocks - 1)))


def imagenet_resnet(
    input_shape: Sequence[int],
    outputs: int,
    depth: int = 18,
    width: int = 64,
    dropout: float = 0.0,
    stem: str = "auto",
) -> ImageNetResNet:
    """A residual network of four stages; the last norm of each block begins at 0 (Goyal et al. 2017).

    Args:
        input_shape: (channels, height, width) of one image; at least 8 pixels a side, with the large stem 32.
        outputs: number of outputs for one example.
        depth: number of layers: 10, 18 or 34 with basic blocks, 26 or 50 with bottlenecks.
        width: channels of the first stage, at least 1.
        dropout: probability of dropping a feature in front of the last layer in training, from 0 to below 1.
        stem: `large` begins with a 7x7 convolution of stride 2 and pooling, `small` with a 3x3 one of stride 1;
            `auto` takes the large one from 96 pixels on.

    Raises:
        ValueError: an argument is out of its range, or the image is too small.
    """
    check_choice("depth", depth, tuple(BLOCKS_BY_DEPTH))
    check_count("width", width)
    check_dropout(dropout)
    is_large = has_large_stem(stem, input_shape, least=(8, 32))
    return ImageNetResNet(input_shape[0], outputs, depth, width, dropout, is_large)


resnet18 = partial(imagenet_resnet, depth=18)
resnet34 = partial(imagenet_resnet, depth=34)
resnet50 = partial(imagenet_resnet, depth=50)

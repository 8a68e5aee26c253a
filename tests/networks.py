"""Small networks of every kind, each with an example batch: `network(seed) -> (module, inputs)`.

The seed decides the weights alone; the inputs are always the same. Batch norms have seen data, so that their
statistics are not those of a fresh network. The networks are in evaluation mode and answer five numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Network = Callable[[int], tuple[nn.Module, Tensor]]
torch.set_num_threads(1)  # at this size threads cost far more than they give
IMAGES = (4, 3, 8, 8)
TABLE = (4, 12)
TOKENS = (4, 6, 12)


def _ready(build: Callable[[], nn.Module], shape: tuple[int, ...], seed: int) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        with torch.no_grad():
            model.train()(torch.randn(16, *shape[1:]))
    return model.eval(), torch.randn(shape, generator=torch.Generator().manual_seed(7))


def _unit(channels: int, planes: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False, groups=groups)
    return nn.Sequential(convolution, nn.BatchNorm2d(planes), nn.ReLU())


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5))


class Block(nn.Module):
    """A residual block; the shortcut is the identity, a 1x1 convolution or padding with zeros (option A)."""

    def __init__(self, channels: int, planes: int, shortcut: str) -> None:
        super().__init__()
        stride = 1 if shortcut == "identity" else 2
        self.inside = _unit(channels, planes, stride)
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


class Concatenation(nn.Module):
    """Two ways side by side, a batch norm over both, and the first way once more at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = _unit(3, 16), nn.Conv2d(3, 24, 1)
        self.norm = nn.BatchNorm2d(40)
        self.both = _unit(40, 16)
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
        self.widen = nn.Sequential(_unit(3, 32), _unit(32, 32, groups=32))
        self.squeeze, self.excite = nn.Conv2d(32, 8, 1), nn.Conv2d(8, 32, 1)
        self.head = _head(32)

    def forward(self, images: Tensor) -> Tensor:
        wide = self.widen(images)
        narrow = functional.relu(self.squeeze(functional.adaptive_avg_pool2d(wide, 1)))
        outputs: Tensor = self.head(wide * functional.hardsigmoid(self.excite(narrow)))
        return outputs


class Flattened(nn.Module):
    """A linear layer that reads every pixel of every channel; `fixed`: the size is a number in the code."""

    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.features, self.size = nn.Sequential(_unit(3, 16), nn.MaxPool2d(2)), 256 if fixed else None
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


class Undecided(nn.Module):
    """Its code decides by the values of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 32), nn.Linear(32, 5)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.first(rows)
        outputs: Tensor = self.second(hidden.relu() if hidden.sum() > 0 else hidden.tanh())
        return outputs


def sequential(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Convolutions with batch norm, pooling and a linear layer."""
    return _ready(lambda: nn.Sequential(_unit(3, 16), nn.MaxPool2d(2), _unit(16, 32), _head(32)), IMAGES, seed)


def without_norm(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Convolutions with bias and without batch norm."""

    def build() -> nn.Module:
        first, second = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 24, 1)
        return nn.Sequential(first, nn.GELU(), nn.Dropout2d(0.1), second, nn.SiLU(), _head(24))

    return _ready(build, IMAGES, seed)


def mlp(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A multilayer perceptron for a table."""

    def build() -> nn.Module:
        first, second = nn.Sequential(nn.Linear(12, 32), nn.ReLU(inplace=True)), nn.Linear(32, 24)
        return nn.Sequential(first, second, nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 5))

    return _ready(build, TABLE, seed)


def norm_mlp(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A multilayer perceptron with a layer norm between its layers."""

    def build() -> nn.Module:
        first, second = nn.Sequential(nn.Linear(12, 32), nn.LayerNorm(32), nn.GELU()), nn.Linear(32, 24)
        return nn.Sequential(first, second, nn.GELU(), nn.Linear(24, 5))

    return _ready(build, TABLE, seed)


def residual(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Two blocks with identity shortcuts: the stem and both blocks' ends are coupled."""
    blocks = ["identity", "identity"]
    return _ready(
        lambda: nn.Sequential(_unit(3, 16), *(Block(16, 16, kind) for kind in blocks), _head(16)),
        IMAGES,
        seed,
    )


def residual_conv(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A shortcut that is a convolution."""
    return _ready(lambda: nn.Sequential(_unit(3, 16), Block(16, 32, "conv"), _head(32)), IMAGES, seed)


def residual_padded(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A shortcut that pads with zero channels (option A)."""
    return _ready(
        lambda: nn.Sequential(_unit(3, 16), Block(16, 16, "identity"), Block(16, 32, "padded"), _head(32)),
        IMAGES,
        seed,
    )


def concatenation(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Channels side by side."""
    return _ready(Concatenation, IMAGES, seed)


def depthwise(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """An inverted bottleneck with a depthwise convolution, squeeze and excitation."""
    return _ready(Gate, IMAGES, seed)


def grouped(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A convolution in four groups between two plain ones."""
    return _ready(lambda: nn.Sequential(_unit(3, 16), _unit(16, 16, groups=4), _unit(16, 16), _head(16)), IMAGES, seed)


def flattened(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A linear layer after flattening."""
    return _ready(lambda: Flattened(fixed=False), IMAGES, seed)


def flattened_fixed(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The same with the flattened size as a number in the code, which a cut would break."""
    return _ready(lambda: Flattened(fixed=True), IMAGES, seed)


def attention(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A transformer encoder's block."""
    return _ready(Attention, TOKENS, seed)


def undecided(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network that cannot be traced."""
    return _ready(Undecided, TABLE, seed)


NETWORKS: tuple[Network, ...] = (
    *(sequential, without_norm, mlp, norm_mlp, residual, residual_conv, residual_padded, concatenation),
    *(depthwise, grouped, flattened, flattened_fixed, attention, undecided),
)
TRACEABLE = tuple(network for network in NETWORKS if network is not undecided)

"""Small networks of every kind, each with an example batch: `network(seed) -> (module, inputs)`.

The seed decides the weights alone; the inputs are always the same. Batch norms have seen data, so that their
statistics are not those of a fresh network. The networks are in evaluation mode and answer five numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from support.layers import (
    Attention,
    Block,
    Concatenation,
    Flattened,
    Gate,
    Heads,
    Hourglass,
    Multihead,
    Shortcut,
    Undecided,
)
from support.layers import head as _head
from support.layers import unit as _unit

Network = Callable[[int], tuple[nn.Module, Tensor]]
torch.set_num_threads(1)  # at this size threads cost far more than they give
IMAGES = (4, 3, 8, 8)
TABLE = (4, 12)
TOKENS = (4, 6, 12)


def ready(build: Callable[[], nn.Module], shape: tuple[int, ...], seed: int) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        with torch.no_grad():
            model.train()(torch.randn(16, *shape[1:]))
    return model.eval(), torch.randn(shape, generator=torch.Generator().manual_seed(7))


def sequential(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Convolutions with batch norm, pooling and a linear layer."""
    return ready(lambda: nn.Sequential(_unit(3, 16), nn.MaxPool2d(2), _unit(16, 32), _head(32)), IMAGES, seed)


def without_norm(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Convolutions with bias and without batch norm."""

    def build() -> nn.Module:
        first, second = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 24, 1)
        return nn.Sequential(first, nn.GELU(), nn.Dropout2d(0.1), second, nn.SiLU(), _head(24))

    return ready(build, IMAGES, seed)


def mlp(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A multilayer perceptron for a table."""

    def build() -> nn.Module:
        first, second = nn.Sequential(nn.Linear(12, 32), nn.ReLU(inplace=True)), nn.Linear(32, 24)
        return nn.Sequential(first, second, nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 5))

    return ready(build, TABLE, seed)


def norm_mlp(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A multilayer perceptron with a layer norm between its layers."""

    def build() -> nn.Module:
        first, second = nn.Sequential(nn.Linear(12, 32), nn.LayerNorm(32), nn.GELU()), nn.Linear(32, 24)
        return nn.Sequential(first, second, nn.GELU(), nn.Linear(24, 5))

    return ready(build, TABLE, seed)


def residual(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Two blocks with identity shortcuts: the stem and both blocks' ends are coupled."""
    blocks = ["identity", "identity"]
    return ready(
        lambda: nn.Sequential(_unit(3, 16), *(Block(16, 16, kind) for kind in blocks), _head(16)),
        IMAGES,
        seed,
    )


def residual_conv(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A shortcut that is a convolution."""
    return ready(lambda: nn.Sequential(_unit(3, 16), Block(16, 32, "conv"), _head(32)), IMAGES, seed)


def residual_padded(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A shortcut that pads with zero channels (option A)."""
    return ready(
        lambda: nn.Sequential(_unit(3, 16), Block(16, 16, "identity"), Block(16, 32, "padded"), _head(32)),
        IMAGES,
        seed,
    )


def residual_lambda(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Option A twice, as a function with an ellipsis."""
    return ready(lambda: nn.Sequential(_unit(3, 8), Shortcut(16), Shortcut(32), _head(32)), IMAGES, seed)


def concatenation(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Channels side by side."""
    return ready(Concatenation, IMAGES, seed)


def depthwise(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """An inverted bottleneck with a depthwise convolution, squeeze and excitation."""
    return ready(Gate, IMAGES, seed)


def grouped(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A convolution in two groups between two plain ones."""
    return ready(lambda: nn.Sequential(_unit(3, 16), _unit(16, 16, groups=2), _unit(16, 16), _head(16)), IMAGES, seed)


def grouped_narrow(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A convolution in many small groups, with twice as many channels behind it."""
    return ready(lambda: nn.Sequential(_unit(3, 16), _unit(16, 32, groups=8), _head(32)), IMAGES, seed)


def group_norm(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Norms over a few large groups, over many small ones, and over all the channels of a residual stream."""

    def build() -> nn.Module:
        first, second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 1)
        norms = [nn.GroupNorm(2, 16), nn.GroupNorm(16, 32), nn.GroupNorm(1, 32)]
        block = Block(32, 32, "identity")
        return nn.Sequential(first, norms[0], nn.ReLU(), second, norms[1], nn.ReLU(), block, norms[2], _head(32))

    return ready(build, IMAGES, seed)


def flattened(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A linear layer after flattening."""
    return ready(lambda: Flattened(fixed=False), IMAGES, seed)


def flattened_fixed(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The same with the flattened size as a number in the code, which a cut would break."""
    return ready(lambda: Flattened(fixed=True), IMAGES, seed)


def attention(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A transformer encoder's block."""
    return ready(Attention, TOKENS, seed)


def hourglass(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A transposed convolution."""
    return ready(Hourglass, IMAGES, seed)


def heads(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Attention of several heads, whose number follows from the width."""
    return ready(lambda: Heads(fixed=False), TOKENS, seed)


def heads_fixed(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The same with the number of heads in the code."""
    return ready(lambda: Heads(fixed=True), TOKENS, seed)


def multihead(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Torch's attention layer."""
    return ready(Multihead, TOKENS, seed)


def encoder(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Torch's transformer encoder of two layers."""

    def build() -> nn.Module:
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        return nn.Sequential(nn.Linear(12, 16), nn.TransformerEncoder(layer, 2), nn.Flatten(), nn.Linear(96, 5))

    return ready(build, TOKENS, seed)


def undecided(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network that cannot be traced."""
    return ready(Undecided, TABLE, seed)


NETWORKS: tuple[Network, ...] = (
    *(sequential, without_norm, mlp, norm_mlp, residual, residual_conv, residual_padded, concatenation),
    *(depthwise, grouped, flattened, flattened_fixed, attention, undecided),
    *(residual_lambda, grouped_narrow, group_norm, hourglass, heads, heads_fixed, multihead, encoder),
)
TRACEABLE = tuple(network for network in NETWORKS if network is not undecided)
CUTTABLE = tuple(network for network in TRACEABLE if network is not heads_fixed)
"""Networks with channels that can be cut."""

"""A small transformer encoder for sequences, and for images in patches (Dosovitskiy et al. 2021).

Attention is made of plain linear layers, and the number of heads follows from their widths, so that heads can be cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.architectures.argument_checks import check_count, check_dropout
from tasks.architectures.sequence_layout import ChannelsFirst

MOST_TOKENS = 256
"""Tokens of one example that `patch: 0` does not exceed."""
LONGEST_WAVE = 10_000
"""The slowest sinusoid of untrained positions repeats after 2 pi times so many tokens."""


class SelfAttention(nn.Module):
    """Attention of every token to every token of its example: (batch, tokens, width) → the same shape."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out_proj = nn.Linear(width, width)
        self.head_width = width // heads

    def forward(self, tokens: Tensor) -> Tensor:
        """The tokens, each mixed from all values by its head's scaled dot products."""
        query, key, value = (self._heads(layer(tokens)) for layer in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return answer

    def _heads(self, tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, -1, (-1, self.head_width)).transpose(1, 2)


class PreNormLayer(nn.Module):
    """Attention and two linear layers, each behind a norm and beside a shortcut (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn = SelfAttention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation, self.dropout1, self.dropout2 = nn.GELU(), nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) → the same shape."""
        tokens = tokens + self.dropout1(self.self_attn(self.norm1(tokens)))
        hidden = self.activation(self.linear1(self.norm2(tokens)))
        answer: Tensor = tokens + self.dropout2(self.linear2(hidden))
        return answer


class Transformer(nn.Module):
    """Patches as tokens, learned positions, `depth` layers, a norm, the mean of the tokens and one linear layer."""

    def __init__(
        self, layout: nn.Module, patches: nn.Conv1d | nn.Conv2d, layers: nn.Sequential, tokens: int, outputs: int
    ) -> None:
        super().__init__()
        width = patches.out_channels
        self.layout, self.patches, self.layers = layout, patches, layers
        self.positions = nn.Parameter(_sinusoids(tokens, width))
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, outputs)
        for layer in self.layers.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, examples: Tensor) -> Tensor:
        """(batch, *input_shape) → (batch, outputs)."""
        tokens = self.patches(self.layout(examples)).flatten(2).transpose(1, 2)
        logits: Tensor = self.linear(self.norm(self.layers(tokens + self.positions)).mean(1))
        return logits


def transformer(
    input_shape: Sequence[int],
    outputs: int,
    width: int = 64,
    depth: int = 4,
    dropout: float = 0.1,
    heads: int = 4,
    patch: int = 0,
    channels: str = "auto",
) -> Transformer:
    """An encoder with norms in front and learned positions that begin as sinusoids; the mean of all tokens answers.

    Args:
        input_shape: (channels, height, width) of an image, or (steps,), (steps, channels) or (channels, steps) of a
            sequence.
        outputs: number of outputs for one example, at least 1.
        width: numbers of a token, a multiple of `heads`.
        depth: number of layers, at least 1.
        dropout: probability of dropping a number that a layer adds to a token in training, from 0 to below 1.
        heads: number of heads of each layer, at least 1.
        patch: pixels a side, or steps, that become one token; zeros around the example fill the last patches. 0 takes
            the smallest power of two that gives at most 256 tokens.
        channels: a sequence's axis of the channels, `first` or `last`; `auto` takes the shorter one, of equal ones
            the last. An image's are first.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_count("depth", depth)
    check_count("heads", heads)
    check_count("width", width)
    check_count("patch", patch, least=0)
    check_dropout(dropout)
    if width % heads:
        raise ValueError(f"width must be a multiple of heads ({heads}), but got {width}")
    is_image = len(input_shape) == 3
    layout = nn.Identity() if is_image else ChannelsFirst(input_shape, channels)
    read, *sides = input_shape if isinstance(layout, nn.Identity) else (layout.channels, layout.steps)
    patch = patch or next(2**power for power in range(64) if _tokens(sides, 2**power) <= MOST_TOKENS)
    padding: Any = tuple(-(-(-side % patch) // 2) for side in sides)
    convolution = nn.Conv2d if is_image else nn.Conv1d
    patches = convolution(read, width, patch, stride=patch, padding=padding)
    layers = nn.Sequential(*(PreNormLayer(width, heads, dropout) for _ in range(depth)))
    return Transformer(layout, patches, layers, _tokens(sides, patch), outputs)


def _sinusoids(tokens: int, width: int) -> Tensor:
    """Sines and cosines of each token's place, (tokens, width), as in Vaswani et al. 2017: a start for positions."""
    rates = LONGEST_WAVE ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(tokens)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]


def _tokens(sides: Sequence[int], patch: int) -> int:
    return prod(-(-side // patch) for side in sides)

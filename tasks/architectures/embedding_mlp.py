"""A multilayer perceptron for tables with text: each text column has its own embedding (Guo and Berkhahn 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from tasks.architectures.argument_checks import check_count
from tasks.architectures.mlp import mlp

WIDEST = 50
"""Most numbers of an embedding."""
SPREAD = 0.1
"""Standard deviation of untrained embeddings."""


class EmbeddedColumns(nn.Module):
    """Features of which some are codes of categories: the codes become vectors, the others stay, and come first."""

    def __init__(self, features: int, categories: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.places = [place for place, _ in categories]
        self.embeddings = nn.ModuleList(CodeEmbedding(count) for _, count in categories)
        edges = [-1, *sorted(self.places), features]
        self.runs = [(low + 1, high) for low, high in pairwise(edges) if high > low + 1]
        self.width = sum(high - low for low, high in self.runs) + sum(_size(count) for _, count in categories)

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, features) → (batch, width)."""
        parts = [rows[:, low:high] for low, high in self.runs]
        parts += [embedding(rows[:, place]) for place, embedding in zip(self.places, self.embeddings, strict=True)]
        return torch.cat(parts, dim=1)


class CodeEmbedding(nn.Module):
    """The vectors of a column's categories, and one for all others, which begins and stays at 0."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.highest = count + 0.5
        self.table = nn.Embedding(count + 1, _size(count))
        with torch.no_grad():
            self.table.weight.normal_(0, SPREAD)
            self.table.weight[0] = 0

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (batch,), -1 for a category that is not known → (batch, size)."""
        places = (codes + 1.5).clamp(0.0, self.highest).long()
        vectors: Tensor = self.table(places)
        return vectors


def _size(count: int) -> int:
    return min(WIDEST, (count + 1) // 2)


def embedding_mlp(
    input_shape: Sequence[int],
    outputs: int,
    categories: Sequence[tuple[int, int]] = (),
    width: int = 64,
    depth: int = 2,
    dropout: float = 0.0,
    block: str = "plain",
) -> nn.Sequential:
    """An `mlp` on numbers and on embeddings of text: half as many numbers as the text has categories, at most 50.

    Args:
        input_shape: (features,) of one row.
        outputs: number of outputs for one row, at least 1.
        categories: (place, count) of each feature that is the code of a category, from 0 to count - 1.
        width: neurons of each hidden layer, at least 1.
        depth: number of hidden layers, at least 0 (a linear model).
        dropout: probability of dropping a hidden neuron in training, from 0 to below 1.
        block: the kind of each hidden layer after the first: `plain`, or `residual` with a shortcut.

    Raises:
        ValueError: an argument is out of its range.
    """
    features = prod(input_shape)
    for place, count in categories:
        check_count("the number of categories", count)
        if not 0 <= place < features:
            raise ValueError(f"categories must name features from 0 to {features - 1}, but got {place}")
    columns = EmbeddedColumns(features, [(int(place), int(count)) for place, count in categories])
    rest = mlp([columns.width], outputs, width, depth, dropout, block)
    return nn.Sequential(columns, *rest) if categories else rest

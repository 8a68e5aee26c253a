"""Sparsity: keeps weights that were pruned to zero at zero during training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

SPARSE = 0.01
"""A weight tensor with at least this share of exact zeros counts as pruned; training alone makes no exact zeros."""


def is_sparse(weight: Tensor) -> bool:
    """Whether a weight tensor counts as pruned: at least two dimensions, and a share of SPARSE or more zeros.

    A tensor of only zeros does not: that is an initialization.
    """
    return weight.dim() > 1 and SPARSE * weight.numel() <= int((weight == 0).sum()) < weight.numel()


@contextmanager
def keep_zeros(model: nn.Module) -> Iterator[list[str]]:
    """Inside the context, the zeros of sparse weights get a gradient of 0; yields the names of these weights.

    An optimizer that is created inside then leaves them at exactly zero: their momentum stays zero, and weight
    decay is proportional to the weight.
    """
    sparse = {name: weight for name, weight in model.named_parameters() if is_sparse(weight.detach())}
    zeros = {name: weight.detach() == 0 for name, weight in sparse.items()}
    handles = [
        weight.register_hook(_without(zeros[name]))  # type: ignore[no-untyped-call]
        for name, weight in sparse.items()
    ]
    try:
        yield list(sparse)
    finally:
        for handle in handles:
            handle.remove()


def _without(zeros: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda gradient: gradient.masked_fill(zeros, 0)

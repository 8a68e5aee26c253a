"""Sparsity that stays: weights that were pruned to zero remain zero while the others are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

SPARSE = 0.01
"""From this share of exact zeros on, a weight counts as pruned; training makes no exact zeros by itself."""


def is_sparse(weight: Tensor) -> bool:
    """Whether a weight of at least two dimensions has so many exact zeros that they must be meant.

    One that is all zeros was not pruned, but begins so.
    """
    return weight.dim() > 1 and SPARSE * weight.numel() <= int((weight == 0).sum()) < weight.numel()


@contextmanager
def zeros_held(model: nn.Module) -> Iterator[list[str]]:
    """The zeros of sparse weights get no gradient for a while; gives the names of these weights.

    An optimizer that began within then leaves them at exactly zero: momenta stay zero, and weight decay is a
    share of the weight.
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

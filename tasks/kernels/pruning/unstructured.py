"""Unstructured pruning: the smallest single weights, over layers or in small groups. Counts are exact despite ties."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def smallest(weight: Tensor, count: int) -> Tensor:
    """A boolean mask of the weight's shape, True at the `count` smallest magnitudes; ties by position."""
    order = weight.detach().abs().flatten().argsort(stable=True)
    chosen = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    chosen[order[:count]] = True
    return chosen.view(weight.shape)


def n_m_mask(weight: Tensor, kept: int, group: int) -> Tensor:
    """A mask, True at all but the `kept` largest magnitudes of each `group` consecutive inputs (N:M sparsity).

    `weight` is (outputs, inputs, …), as in linear layers and convolutions; each output and each position of a
    kernel has its own groups (Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks"). Of equal magnitudes
    the first are True. The number of inputs must be a multiple of `group`.
    """
    last = weight.detach().abs().movedim(1, -1)
    groups = last.reshape(*last.shape[:-1], -1, group)
    order = groups.argsort(dim=-1, stable=True)
    chosen = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., : group - kept], True)
    return chosen.reshape(last.shape).movedim(-1, 1)


def distribute_sparsity(weights: Sequence[Tensor], total: int, most: Sequence[int]) -> list[int]:
    """How many weights each tensor loses when the `total` smallest magnitudes of all tensors are removed.

    Tensor i loses at most `most[i]`; the others make up for the rest. Raises ValueError when `total` exceeds the
    sum of `most`.
    """
    if total > sum(most):
        raise ValueError(f"{total} weights should go, but only {sum(most)} may")
    magnitudes = [weight.detach().abs().flatten().cpu() for weight in weights]
    for magnitude, limit in zip(magnitudes, most, strict=True):
        magnitude[magnitude.argsort(stable=True)[limit:]] = torch.inf
    order = torch.cat(magnitudes).argsort(stable=True)[:total]
    owners = torch.arange(len(weights)).repeat_interleave(torch.tensor([len(one) for one in magnitudes]))
    counts: list[int] = owners[order].bincount(minlength=len(magnitudes)).tolist()
    return counts

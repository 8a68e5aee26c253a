"""Divergence: how far a network's outputs are from another's."""

from __future__ import annotations

from math import prod

from torch import Tensor
from torch.nn import functional


def divergence(outputs: Tensor, wanted: Tensor, numbers: bool) -> float:
    """Sum over examples of KL(softmax(wanted) || softmax(outputs)) in nats; with `numbers`, of squared differences.

    Both are (count, classes); numbers may have any shape after the count, over which the squares are averaged.
    """
    if numbers:
        return float((outputs - wanted).double().square().sum()) / prod(wanted.shape[1:])
    guess, guide = (functional.log_softmax(each.double(), dim=1) for each in (outputs, wanted))
    return float(functional.kl_div(guess, guide, reduction="sum", log_target=True))

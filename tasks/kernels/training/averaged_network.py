"""Averaged network: several networks on the same inputs, whose answers are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class AveragedNetwork(nn.Module):
    """Networks with one answer, (examples, outputs); it is one module for training, traces and exports.

    Args:
        members: networks that take the same inputs, and answer with outputs of the same meaning and shape.
        weights: one for each member, above 0, summing to 1.
        of_probabilities: whether the members' logits become probabilities that are averaged; the answer is the
            logarithm of the average, which is a logit, too. Otherwise the answers themselves are averaged.
    """

    def __init__(self, members: Sequence[nn.Module], weights: Sequence[float], of_probabilities: bool) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.weights, self.of_probabilities = tuple(weights), of_probabilities

    def forward(self, inputs: Tensor) -> Tensor:
        """The average of the members' answers."""
        return average_answers([member(inputs) for member in self.members], self.weights, self.of_probabilities)


def average_answers(answers: Sequence[Tensor], weights: Sequence[float], of_probabilities: bool) -> Tensor:
    """The weighted average of several networks' answers, each (examples, outputs), as `AveragedNetwork` says."""
    pairs = list(zip(answers, weights, strict=True))
    if not of_probabilities:
        return torch.stack([answer * weight for answer, weight in pairs]).sum(0)
    # In logarithms, so that no probability becomes 0 in any precision.
    return torch.logsumexp(
        torch.stack([functional.log_softmax(answer, dim=1) + math.log(weight) for answer, weight in pairs]), dim=0
    )

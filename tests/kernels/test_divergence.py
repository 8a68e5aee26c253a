"""Divergence of outputs."""

from __future__ import annotations

import math

import pytest
import torch

from tasks.kernels.pruning.divergence import divergence


def test_divergence_by_hand() -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) = ln(4/3) / 2, twice; squared differences are averaged over the outputs."""
    outputs, wanted = torch.tensor([[0.0, math.log(3)]] * 2), torch.zeros(2, 2)
    assert divergence(outputs, wanted, numbers=False) == pytest.approx(math.log(4 / 3))
    assert divergence(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), numbers=True) == 5
    assert divergence(torch.tensor([2.0, 1.0]), torch.zeros(2), numbers=True) == 5

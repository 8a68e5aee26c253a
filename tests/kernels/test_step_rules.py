"""Step rules: clipping, L1 and the average of weights, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.training.step_rules import StepRules
from tasks.kernels.training.weight_average import WeightAverage


def step(rules: StepRules, gradient: float = 3.0) -> nn.Linear:
    """A step of rate 1 from the weights 1 and -1 and the bias 1, all with the same gradient."""
    model = nn.Linear(2, 1)
    model.weight.data = torch.tensor([[1.0, -1.0]])
    model.bias.data = torch.tensor([1.0])
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    rules.take_step(model, torch.optim.SGD(model.parameters(), lr=1.0))
    return model


def test_clipping_lowers_the_norm_of_all_gradients_together() -> None:
    model = step(StepRules(clip_norm=1.0))
    share = 1 / 3**0.5
    assert model.weight.tolist()[0] == pytest.approx([1 - share, -1 - share], abs=1e-5)
    assert model.bias.item() == pytest.approx(1 - share, abs=1e-5)
    assert step(StepRules(clip_norm=10.0)).bias.item() == pytest.approx(-2.0)


def test_l1_draws_weights_to_zero_and_leaves_biases() -> None:
    model = step(StepRules(l1=0.5), gradient=0.0)
    assert model.weight.tolist() == [[0.5, -0.5]]
    assert model.bias.item() == 1.0


def test_the_average_takes_in_each_step() -> None:
    average = WeightAverage(nn.Linear(2, 1), 0.999)
    step(StepRules(average=average))
    assert average.steps == 1

"""Weight average: its decay, buffers and counters, and that the model's own weights come back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.training.weight_average import WeightAverage


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))


def test_the_average_worked_by_hand() -> None:
    model = network()
    nn.init.zeros_(model[0].weight)
    average = WeightAverage(model, 0.5)
    expected = 0.0
    for step in (1, 2, 3):
        nn.init.constant_(model[0].weight, step)
        model[1].running_mean.fill_(10.0 * step)
        model[1].num_batches_tracked.fill_(step)
        average.update(model)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.state["0.weight"].item() == pytest.approx(expected)
    assert average.state["1.running_mean"].item() == pytest.approx(10 * expected)
    assert average.state["1.num_batches_tracked"].item() == 3


def test_inside_the_context_the_model_has_the_average() -> None:
    model = network()
    average = WeightAverage(model, 0.9)
    nn.init.constant_(model[0].weight, 7.0)
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with average.applied(model):
        assert all(torch.equal(tensor, average.state[name]) for name, tensor in model.state_dict().items())
        assert model[0].weight.item() != 7.0
    assert all(torch.equal(tensor, own[name]) for name, tensor in model.state_dict().items())

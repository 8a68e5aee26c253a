"""Sparsity: pruned weights stay at exactly zero under every optimizer, others do not notice."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
import torch
from torch import nn

from tasks.kernels.pruning.sparsity import is_sparse, keep_zeros
from tasks.kernels.training.optimizers import make_optimizer
from tasks.training.train_spec import Optimizer


def pruned() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[0].weight[:, ::2] = 0
        model[2].bias.zero_()
    return model


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 5) -> None:
    inputs = torch.randn(16, 6, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimizer.zero_grad()
        (model(inputs) - 1).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", get_args(Optimizer))
def test_zeros_stay_zero(name: str) -> None:
    model = pruned()
    start = copy.deepcopy(model.state_dict())
    with keep_zeros(model) as held:
        descend(model, make_optimizer(name, model, 0.1, momentum=0.9, weight_decay=0.01))
    assert held == ["0.weight"]
    assert (model[0].weight[:, ::2] == 0).all()
    assert (model[0].weight[:, 1::2] != start["0.weight"][:, 1::2]).any()
    assert (model[2].bias != 0).all(), "a bias that begins at zero is free"


def test_the_hooks_are_gone_afterwards() -> None:
    model = pruned()
    with keep_zeros(model):
        pass
    descend(model, make_optimizer("sgd", model, 0.1, momentum=0.0, weight_decay=0.0))
    assert (model[0].weight[:, ::2] != 0).any()


def test_a_hundredth_of_zeros_counts_as_pruned() -> None:
    weight = torch.ones(20, 20)
    weight.view(-1)[:3] = 0
    assert not is_sparse(weight)
    weight.view(-1)[3] = 0
    assert is_sparse(weight)
    assert not is_sparse(torch.arange(3)), "a vector"
    assert not is_sparse(torch.zeros(2, 2)), "it begins so"

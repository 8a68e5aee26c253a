"""Optimizers: what moves, what is decayed, and Nesterov's momentum."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.training import optimizers

NAMES = ["sgd", "adam", "adamw", "adagrad", "rmsprop", "muon"]


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_moves_what_wants_a_gradient_and_nothing_else(name: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = optimizers.make_optimizer(name, model, 0.1, momentum=0.9, weight_decay=0.0)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == [False, False, True, True]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("decays_all", [True, False])
def test_weight_decay_alone_shrinks_what_is_decayed(name: str, decays_all: bool) -> None:
    model = nn.Sequential(nn.Conv1d(2, 2, 1), nn.BatchNorm1d(2))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    made = optimizers.make_optimizer(name, model, 0.1, momentum=0.0, weight_decay=0.5, decays_all=decays_all)
    made.step()
    shrunk = [bool((parameter < 1).all()) for parameter in model.parameters()]
    assert shrunk == [True, *[decays_all and name != "muon"] * 3]
    optimizers.set_hyperparameters(made, momentum=0.0, weight_decay=0.25)
    assert [group["weight_decay"] for group in made.param_groups] == ([0.25] if all(shrunk) else [0.25, 0.0])


def test_nesterov_is_pytorchs() -> None:
    models = [nn.Linear(2, 1, bias=False) for _ in range(2)]
    nn.init.ones_(models[0].weight)
    nn.init.ones_(models[1].weight)
    ours = optimizers.make_optimizer("sgd", models[0], 0.1, momentum=0.9, weight_decay=0.0, nesterov=True)
    theirs = torch.optim.SGD(models[1].parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for model, optimizer in zip(models, (ours, theirs), strict=True):
        for _ in range(3):
            optimizer.zero_grad()
            (model(torch.ones(1, 2)) ** 2).sum().backward()
            optimizer.step()
    assert torch.equal(models[0].weight, models[1].weight)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="'lion'"):
        optimizers.make_optimizer("lion", nn.Linear(1, 1), 0.1, momentum=0.0, weight_decay=0.0)

"""Layer groups: from the answer to the input, each with its rate and its first epoch."""

from __future__ import annotations

import pytest
import torch
from support.trained_networks import Body
from torch import nn

from tasks.kernels.training.layer_groups import LayerGroups, find_groups, split_groups
from tasks.kernels.training.optimizers import make_optimizer


@pytest.fixture
def network() -> Body:
    return Body(4).train()


def groups(network: nn.Module, unfreeze: int = 1) -> LayerGroups:
    return find_groups(network, torch.zeros(2, 1, 8, 8), 0.5, unfreeze)


def test_they_go_from_the_answer_to_the_input(network: Body) -> None:
    found = groups(network)
    assert [list(group) for group in found.groups] == [[network.fc], [network.middle], [network.norm], [network.stem]]
    assert network.training


def test_each_group_has_its_rate(network: Body) -> None:
    optimizer = make_optimizer("adamw", network, 0.1, momentum=0.9, weight_decay=0.01, decays_all=False)
    split_groups(optimizer, groups(network).scales())
    rates = {each: group["rate_scale"] for group in optimizer.param_groups for each in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    assert (rates[network.fc.weight], rates[network.middle.bias], rates[network.stem.weight]) == (1.0, 0.5, 0.125)
    decays = {each: group["weight_decay"] for group in optimizer.param_groups for each in group["params"]}
    assert (decays[network.fc.weight], decays[network.fc.bias], decays[network.norm.weight]) == (0.01, 0.0, 0.0)


def test_a_frozen_group_neither_learns_nor_counts(network: Body) -> None:
    found = groups(network)
    with found.frozen(2):
        network.train()(torch.rand(4, 1, 8, 8)).sum().backward()
        assert [each.requires_grad for each in (network.stem.weight, network.norm.bias, network.middle.bias)] == [
            False,
            False,
            True,
        ]
        assert network.norm.num_batches_tracked == 0
    assert network.stem.weight.grad is None
    assert network.fc.weight.grad is not None
    assert all(each.requires_grad for each in network.parameters())
    with found.frozen(3):
        network.train()(torch.rand(4, 1, 8, 8))
    assert network.norm.num_batches_tracked == 1


def test_without_unfreezing_all_learn_at_once(network: Body) -> None:
    with groups(network, unfreeze=0).frozen(1):
        assert all(each.requires_grad for each in network.parameters())

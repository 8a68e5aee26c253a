"""Scores of channels, of heads and of channels that leave together."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from support import networks
from support.networks import Network
from torch import nn

from tasks.kernels.graph.channel_groups import Group, Place
from tasks.kernels.pruning import importance
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.pruning.surgery import zero_channels
from tasks.kernels.training.losses import task_loss

TARGETS = torch.tensor([0, 1, 2, 3])


def test_fpgm_by_hand() -> None:
    """Four filters at (0, 0), (3, 4), (0, 4) and (3, 0): all others of the layer count, also those outside."""
    layer = nn.Linear(2, 4)
    layer.weight.data = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0], [0.0, 1.0]])
    model = nn.Sequential(layer)
    some = Group(0, 2, (Place("0", "out", 1, 1),), None)
    assert importance.fpgm(model, some).tolist() == pytest.approx([5 + 3 + math.sqrt(18), 4 + 3 + 3])
    pairs = Group(0, 2, (Place("0", "out", 0, 2),), None)
    assert importance.fpgm(model, pairs).tolist() == pytest.approx([math.sqrt(16 + 18)] * 2)


def test_fpgm_gives_up_what_others_can_stand_in_for() -> None:
    """Two filters that are alike go before a small one that stands alone."""
    layer = nn.Linear(3, 3)
    layer.weight.data = torch.tensor([[5.0, 0.0, 0.0], [5.0, 0.1, 0.0], [0.0, 0.0, 1.0]])
    group = Group(0, 3, (Place("0", "out", 0, 1),), None)
    model = nn.Sequential(layer)
    assert importance.fpgm(model, group).argmax() == 2
    assert importance.magnitude(model, group).argmin() == 2


def test_a_head_counts_with_all_its_parts() -> None:
    model: Any = networks.multihead(0)[0]
    heads = next(g for g in find_groups(*networks.multihead(0)) if "around.query" in g.layers("out"))
    rows = model.around.in_proj_weight.detach().double().reshape(3, 4, 4 * 16)
    assert torch.allclose(importance.magnitude(model, heads), rows.square().sum((0, 2)).sqrt())
    assert torch.allclose(importance.fpgm(model, heads), torch.cdist(rows, rows).sum((0, 2)))


@pytest.mark.parametrize("network", [networks.multihead, networks.encoder, networks.grouped, networks.grouped_narrow])
def test_taylor_is_the_slope_where_channels_leave_together(network: Network) -> None:
    """Against the loss of a network whose readers take a little less of one channel."""
    model, inputs = (each.double() for each in network(0))
    groups = [group for group in find_groups(model, inputs) if not group.frozen]
    scores = importance.taylor(model, groups, [(inputs, TARGETS)])
    step = 1e-6
    for group, score in zip(groups, scores, strict=True):
        keep = {group.id: [channel for channel in range(group.channels) if channel != 1]}
        ignoring = zero_channels(model, [group], keep)
        losses = []
        for share in (step, -step):
            nudged: Any = zero_channels(model, [group], {group.id: range(group.channels)})
            for layer in group.layers("in"):
                mine, other = (one.get_submodule(layer).weight for one in (nudged, ignoring))
                mine.data += share * (other - mine)
            with torch.no_grad():
                outputs = nudged(inputs)
            losses.append(torch.stack([task_loss(outputs[i : i + 1], TARGETS[i : i + 1]) for i in range(4)]))
        slope = float(((losses[0] - losses[1]) / (2 * step)).abs().mean())
        assert float(score[1]) == pytest.approx(slope, rel=1e-3, abs=1e-9)


def test_no_groups_have_no_scores() -> None:
    model, inputs = networks.heads_fixed(0)
    assert importance.taylor(model, [], [(inputs, TARGETS)]) == []

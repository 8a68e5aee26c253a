"""Coupling and cutting: a cut network must answer as the full one whose channels are silent."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from support import networks
from support.channel_cuts import thirds
from support.networks import Network
from torch import Tensor, nn

from tasks.kernels.graph.attention import expand_attention
from tasks.kernels.graph.channel_groups import Group, Place
from tasks.kernels.graph.layers import axis_of_tensor, output_filters
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.pruning.surgery import cut_channels, difference

CUTTABLE = pytest.mark.parametrize("network", networks.CUTTABLE, ids=lambda network: network.__name__)


def _made(model: nn.Module, place: Place) -> list[Tensor]:
    """What makes the channels of a place, each with them on its first axis."""
    if place.side == "tensor":
        tensor = model.get_parameter(place.layer).data
        return [tensor.movedim(axis_of_tensor(tensor.shape), 0)]
    layer: Any = model.get_submodule(place.layer)
    bias = getattr(layer, "bias", None)
    return [] if place.side == "in" else [output_filters(layer), *([] if bias is None else [bias.data])]


def _normed(norm: Any, inputs: Tensor) -> Tensor:
    """A norm whose statistics leave out the channels of weight zero, by its formula."""
    values = inputs if isinstance(norm, nn.LayerNorm) else inputs.movedim(1, -1)
    groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else 1
    parts, mask = values.unflatten(-1, (groups, -1)), (norm.weight != 0).float().unflatten(0, (groups, -1))
    over = (-1,) if isinstance(norm, nn.LayerNorm) else (*range(1, parts.ndim - 2), -1)
    count = (mask * torch.ones_like(parts)).sum(over, keepdim=True).clamp(min=1)
    mean = (parts * mask).sum(over, keepdim=True) / count
    variance = ((parts - mean).square() * mask).sum(over, keepdim=True) / count
    scaled = ((parts - mean) / (variance + norm.eps).sqrt()).flatten(-2) * norm.weight + norm.bias
    return scaled if isinstance(norm, nn.LayerNorm) else scaled.movedim(-1, 1)


@CUTTABLE
def test_a_cut_answers_as_channels_that_are_zero(network: Network) -> None:
    """The channel is zeroed where it is made and wherever something could wake it up again."""
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    keep = thirds(groups)
    assert keep
    zeroed = expand_attention(model)
    for group in groups:
        for place in group.places if group.id in keep else ():
            for channel in set(range(group.channels)) - set(keep[group.id]):
                start = place.start + channel * place.width
                for tensor in _made(zeroed, place):
                    tensor[start : start + place.width] = 0
    for layer in zeroed.modules():
        if isinstance(layer, nn.LayerNorm | nn.GroupNorm):
            layer.forward = partial(_normed, layer)
    narrow = cut_channels(model, groups, keep)
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in model.parameters())
    assert torch.allclose(narrow(inputs), zeroed(inputs), atol=1e-5)
    assert not torch.allclose(narrow(inputs), model(inputs), atol=1e-3)


@CUTTABLE
def test_a_cut_answers_as_channels_that_nobody_reads(network: Network) -> None:
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    assert difference(model, groups, thirds(groups), inputs) < 1e-5


@CUTTABLE
def test_a_cut_network_trains(network: Network) -> None:
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    narrow = cut_channels(model, groups, thirds(groups)).train()
    narrow(inputs).square().sum().backward()
    assert all(parameter.grad is not None for parameter in narrow.parameters())


def test_a_cut_by_hand() -> None:
    """Two neurons of three: the rows of the first layer and the columns of the second."""
    first, second = nn.Linear(1, 3), nn.Linear(3, 1, bias=False)
    first.weight.data, first.bias.data = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([4.0, 5.0, 6.0])
    second.weight.data = torch.tensor([[10.0, 20.0, 30.0]])
    model, inputs = nn.Sequential(first, nn.ReLU(), second), torch.ones(2, 1)
    groups = find_groups(model, inputs)
    assert groups[0] == Group(0, 3, (Place("0", "out", 0, 1), Place("2", "in", 0, 1)), None)
    narrow: Any = cut_channels(model, groups, {0: [0, 2]})
    assert narrow(inputs).tolist() == [[10.0 * (1 + 4) + 30.0 * (3 + 6)]] * 2
    assert (narrow[0].out_features, narrow[2].in_features) == (2, 2)
    assert model(inputs).tolist() == [[10.0 * 5 + 20.0 * 7 + 30.0 * 9]] * 2


def test_a_group_never_loses_all_its_channels() -> None:
    model, inputs = networks.mlp(0)
    groups = find_groups(model, inputs)
    with pytest.raises(ValueError, match=r"layer 0\.0: 32 of 32 channels cannot go"):
        cut_channels(model, groups, {0: []})


def test_unequal_groups_are_refused() -> None:
    """Positions that are not the same in every group, and halves of groups that go as wholes."""
    few, many = nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 1, groups=4)
    for layer, side, start in ((few, "through", 0), (many, "in", 0), (many, "out", 0)):
        group = Group(0, 2, (Place("0", side, start, 1),), None)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"layer 0: its [24] groups would become unequal"):
            cut_channels(nn.Sequential(layer), [group], {0: [1]})


def test_a_group_norm_without_a_group_by_hand() -> None:
    """The statistics of the other groups, and so their numbers, stay exactly."""
    model = nn.Sequential(nn.Conv2d(1, 6, 1), nn.GroupNorm(3, 6), nn.Flatten(), nn.Linear(24, 2))
    inputs = torch.arange(8.0).reshape(2, 1, 2, 2)
    groups = find_groups(model, inputs)
    narrow: Any = cut_channels(model, groups, {0: [0, 2]})
    assert (narrow[0].out_channels, narrow[1].num_groups, narrow[1].num_channels) == (4, 2, 4)
    stay = [0, 1, 4, 5]
    assert torch.allclose(narrow[:2](inputs), model[:2](inputs)[:, stay], atol=1e-6)

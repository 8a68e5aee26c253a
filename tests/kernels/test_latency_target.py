"""Latency targets: layers from groups, the corrected prediction, and a network that is cut until the clock agrees."""

from __future__ import annotations

import pytest
import torch
from support import networks
from torch import nn

from tasks.kernels.latency import layer_costs
from tasks.kernels.onnx.layer_timing import Layer
from tasks.kernels.pruning import importance, latency_target, width_search
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.techniques.pruning.channels import OUTPUT


def test_the_works_of_a_residual_network() -> None:
    """At every group's widths the sizes are those of the network after the cut."""
    model, inputs = networks.residual(0)
    groups = [group for group in find_groups(model, inputs) if not group.frozen]
    calls = layer_costs.layer_calls(model, inputs)
    table = {}
    for layers in calls.values():
        for layer in layers:
            for read in (layer.read, 4, 8, 12):
                for made in (layer.made, 4, 8, 12):
                    table[str(layer_costs.resized(layer, read, made))] = float(read * made)
    with layer_costs.cost_table(table):
        works = latency_target.layer_works(groups, calls, [(16, 12, 8, 4)] * len(groups))
    found = {work.name: width_search.total([work], [8, 4, 12], [16] * 3) for work in works}
    inside = {"1.inside.0": 8 * 4, "1.outside.0": 4 * 8, "2.inside.0": 8 * 12, "2.outside.0": 12 * 8}
    assert found == {"0.0": 3 * 8, **inside, "3.2": 8 * 5}


def test_only_faster_widths_are_kept() -> None:
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    example = torch.zeros(2, 4)
    groups = [group for group in find_groups(model, example) if group.frozen != OUTPUT]
    calls = layer_costs.layer_calls(model, example)
    for scale, kept in ((1.0, (16, 8, 4)), (0.001, (16, 12, 8, 4))):  # the second is too fast to tell
        made = {16: 2.0, 12: 2.0, 8: 1.0, 4: 0.5}
        table = {str(Layer(4, width, ())): ms * scale for width, ms in made.items()}
        table |= {str(Layer(width, 2, ())): scale for width in made}
        with layer_costs.cost_table(table):
            assert latency_target.faster(groups, calls, [(16, 12, 8, 4)]) == [kept]


def test_importance_lost_by_hand() -> None:
    """Half of the importance of 4 channels, which two layers make: 2 x 4 x ln 2."""
    model, inputs = networks.residual(0)
    stem = next(group for group in find_groups(model, inputs) if len(group.layers("out")) == 3)
    found = latency_target.losses(stem, torch.tensor([1.0, 2.0, 2.0, 3.0]), (4, 3, 2, 1))
    assert found == pytest.approx([-12 * torch.tensor(share).log().item() for share in (1, 7 / 8, 5 / 8, 3 / 8)])


def test_the_line_goes_through_what_was_measured() -> None:
    line = latency_target._Line(10.0)
    assert (line.share(10), line.share(0)) == (1, latency_target.REST)
    assert line.at(line.share(4)) == pytest.approx(4)
    line.learn(5.0, 0.6)
    assert (line.at(0.6), line.share(5), line.share(7.5)) == (5, 0.6, pytest.approx(0.8))
    assert line.share(2.5) == pytest.approx(0.4), "and on from there"


def test_a_network_is_cut_until_it_is_fast_enough() -> None:
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3 if i == 0 else 96, 96, 3, padding=1) for i in range(3)]
    body = [layer for each in convolutions for layer in (each, nn.ReLU())]
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 5)).eval()
    example = torch.randn(2, 3, 16, 16)
    groups = [group for group in find_groups(model, example) if not group.frozen]
    scores = [importance.magnitude(model, group) for group in groups]
    options = latency_target.width_options(groups, 32)
    assert options == [(96, 64, 32)] * 3
    works = latency_target.layer_works(groups, layer_costs.layer_calls(model, example), options)
    tried = latency_target.reach_speedup(model, groups, scores, options, works, 1.5, example)
    assert 1 <= len(tried) <= latency_target.TRIES
    assert tried[-1].measured >= latency_target.SHORT * 1.5
    assert all(width in (96, 64, 32) for one in tried for width in one.widths)
    assert min(tried[-1].widths) < 96

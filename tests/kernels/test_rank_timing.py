"""Ranks by the clock: which are tried, what their factors do, which are kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.latency import layer_costs
from tasks.kernels.lowrank import rank_timing
from tasks.kernels.lowrank.factorization import build_factors
from tasks.kernels.onnx.layer_timing import Layer


def test_options_are_what_energy_demands_and_whole_blocks_above() -> None:
    assert rank_timing.rank_options([13], [64], 16) == [(13,), (16,), (32,)]
    assert rank_timing.rank_options([16], [64], 16) == [(16,), (32,)]
    assert rank_timing.rank_options([60], [64], 16) == [(60,)]
    assert rank_timing.rank_options([13, 30], [16, 64], 16) == [(13, 30), (13, 32), (13, 48)]


@pytest.mark.parametrize(
    ("layer", "shape", "chosen"),
    [
        (nn.Linear(12, 20), (3, 12), [4]),
        (nn.Linear(12, 20), (3, 5, 12), [4]),
        (nn.Conv2d(12, 20, 1, stride=2, padding=1), (3, 12, 7, 7), [5]),
        (nn.Conv2d(6, 10, 3, stride=2, padding=1), (3, 6, 9, 9), [2, 3]),
        (nn.Conv2d(6, 10, (3, 5), dilation=2, padding="same"), (3, 6, 9, 9), [2, 3]),
    ],
)
def test_pieces_are_what_the_factors_do(layer: nn.Conv2d, shape: tuple[int, ...], chosen: list[int]) -> None:
    example = torch.zeros(shape)
    done = [call for calls in layer_costs.layer_calls(build_factors(layer, chosen), example).values() for call in calls]
    (whole,) = layer_costs.layer_calls(nn.Sequential(layer), example)["0"]
    assert rank_timing.factor_layers(whole, chosen) == done


def test_the_highest_of_equally_fast_ranks_is_kept() -> None:
    """Rank 16 takes 1 % longer than 13, 32 twice as long; the layer is called twice."""
    layer = Layer(64, 64, ())
    times = {13: 1.0, 16: 1.01, 32: 2.0}
    table = {str(layer): 3.0}
    for rank, ms in times.items():
        table |= {str(piece): ms / 2 for piece in rank_timing.factor_layers(layer, [rank])}
    with layer_costs.cost_table(table):
        found = rank_timing.measure_ranks({"a": [layer, layer]}, {"a": [(13,), (16,), (32,)]})["a"]
    assert found == rank_timing.RankTiming([16], 6.0, 2.02)
    assert found.gain == pytest.approx(1 - 2.02 / 6)

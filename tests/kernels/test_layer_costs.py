"""Layer costs: what a layer does, how it is measured once, and what is read between the measured widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import timing_noise
from torch import nn

from tasks.kernels.latency import layer_costs
from tasks.kernels.lowrank.rank_timing import output_size
from tasks.kernels.onnx import sessions
from tasks.kernels.onnx.layer_timing import Layer, build_layer_graph, time_layers

LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(12, 20), (12,)),
    "tokens": (lambda: nn.Linear(12, 20), (6, 12)),
    "plain": (lambda: nn.Conv2d(6, 10, 3, padding=1), (6, 9, 9)),
    "uneven": (lambda: nn.Conv2d(6, 10, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), (6, 9, 11)),
    "same": (lambda: nn.Conv2d(6, 10, (5, 3), padding="same"), (6, 9, 8)),
    "depthwise": (lambda: nn.Conv2d(8, 8, 3, groups=8), (8, 9, 9)),
    "sequence": (lambda: nn.Conv1d(6, 10, 5, stride=2, padding=2), (6, 30)),
    "volume": (lambda: nn.Conv3d(4, 6, 3, padding=1), (4, 5, 5, 5)),
}
PROBE = {width: str(Layer(width, width, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))) for width in range(65)}


@pytest.mark.parametrize("kind", LAYERS)
def test_the_single_layer_has_the_shapes_of_the_real_one(kind: str) -> None:
    """Two ways to one shape: torch's layer, and the runtime's graph of what is said of it."""
    make, shape = LAYERS[kind]
    layer, example = make(), torch.randn(2, *shape)
    (said,) = layer_costs.layer_calls(nn.Sequential(layer), example)["0"]
    session = sessions.open_session(build_layer_graph(said))
    entry = session.get_inputs()[0].shape
    (output,) = session.run(None, {"x": np.ones(entry, np.float32)})
    assert output.shape == (1, *layer(example).shape[1:])
    if said.kernel:
        assert output_size(said) == output.shape[2:]


def test_every_call_counts() -> None:
    layer = nn.Linear(4, 4)
    found = layer_costs.layer_calls(nn.Sequential(layer, nn.ReLU(), layer), torch.zeros(2, 4))
    assert found == {"0": [Layer(4, 4, ())] * 2}


def test_what_is_remembered_is_not_measured_again() -> None:
    known, new = Layer(8, 8, ()), Layer(8, 4, ())
    table = {str(known): 123.0}
    with layer_costs.cost_table(table):
        found = layer_costs.measure_layers([known, new, known])
    assert found[known] == 123.0
    assert 0 < found[new] == table[str(new)] < 123.0
    assert layer_costs.measure_layers([known])[known] < 123.0, "outside it is forgotten"


def test_what_is_measured_beside_other_work_is_not_remembered(tmp_path: Path) -> None:
    layer, table = Layer(8, 8, ()), dict[str, float]()
    with timing_noise.own_node(tmp_path), layer_costs.cost_table(table):
        with timing_noise.other_work():
            assert layer_costs.measure_layers([layer])[layer] > 0
        assert table == {}
        found = layer_costs.measure_layers([layer])
    assert table == {str(layer): found[layer]}


def test_more_work_takes_longer() -> None:
    small, large = time_layers([Layer(64, 64, ()), Layer(2048, 2048, ())], rounds=3)
    assert 0 < small < large


@pytest.mark.parametrize(
    ("times", "block"),
    [
        ({64: 1.0, 60: 1.0, 56: 1.0, 48: 0.6, 32: 0.3}, 16),
        ({64: 1.0, 60: 1.0, 56: 0.8, 48: 0.6, 32: 0.3}, 8),
        ({64: 1.0, 60: 0.9, 56: 0.8, 48: 0.6, 32: 0.3}, 4),
        ({64: 1.0, 60: 0.99, 56: 0.97, 48: 0.95, 32: 0.9}, 32),
    ],
)
def test_the_block_is_the_first_step_that_is_faster(times: dict[int, float], block: int) -> None:
    with layer_costs.cost_table({PROBE[width]: ms for width, ms in times.items()}):
        assert layer_costs.channel_block() == block


def test_other_widths_of_a_layer() -> None:
    plain, depthwise = Layer(8, 8, (9,), (3,)), Layer(8, 16, (9,), (3,), groups=8)
    assert layer_costs.resized(plain, 4, 6) == Layer(4, 6, (9,), (3,))
    assert layer_costs.resized(depthwise, 4, 99) == Layer(4, 8, (9,), (3,), groups=4)
    assert layer_costs.resized(Layer(64, 64, (9,), (3,), groups=4), 32, 48).groups == 4


def test_a_surface_by_hand() -> None:
    """Linear between the points: halfway in both directions it is the mean of four; outside, the edge."""
    surface = layer_costs.Surface((8, 16), (4, 8, 16), ((1.0, 2.0, 4.0), (3.0, 4.0, 6.0)))
    assert surface.at(8, 4) == 1.0
    assert surface.at(16, 16) == 6.0
    assert surface.at(12, 6) == (1 + 2 + 3 + 4) / 4
    assert surface.at(8, 10) == 2.5
    assert (surface.at(2, 2), surface.at(99, 99)) == (1.0, 6.0)

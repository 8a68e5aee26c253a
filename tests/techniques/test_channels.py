"""Channels: which channels go, how widths are rounded, what is left alone and why."""

from __future__ import annotations

from typing import Any

import networks
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.architectures import resnet20
from tasks.artifacts import InputError, Refusal
from tasks.kernels import importance
from tasks.kernels.coupling import find_groups
from tasks.kernels.objectives import task_loss
from tasks.techniques import Channels
from tasks.techniques.channels import rounded


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _batches(inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(inputs, torch.arange(len(inputs)) % 5)]


def _cuts(plan: dict[str, Any]) -> dict[tuple[str, ...], tuple[int, int]]:
    return {tuple(cut["layers"]): (len(cut["keep"]), cut["of"]) for cut in plan["cuts"]}


@pytest.mark.parametrize(
    ("wanted", "channels", "multiple", "width"),
    [
        (32, 64, 8, 32),
        (44.8, 64, 8, 48),
        (44.8, 64, 1, 45),
        (3, 64, 8, 8),
        (8, 16, 8, 8),
        (7.5, 15, 8, 8),  # narrower than two blocks: fours
        (2, 8, 8, 4),
        (2, 4, 8, 4),
        (1, 3, 8, 3),
        (1.4, 3, 2, 2),
        (50, 100, 8, 48),
        (99, 100, 8, 96),
    ],
)
def test_widths_are_whole_blocks(wanted: float, channels: int, multiple: int, width: int) -> None:
    assert rounded(wanted, channels, multiple) == width


def test_the_smallest_filters_go() -> None:
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    strengths = torch.tensor([5, 1, 9, 2, 8, 3, 7, 4, 6, 0.5, 10, 11, 0.1, 12, 13, 0.2])
    model[0].weight.data = strengths[:, None] * torch.tensor([[1.0, -1.0, 0.0, 0.0]])
    plan = Channels(sparsity=0.5).plan(model, _batches(torch.randn(3, 4)))
    assert plan == {
        "cuts": [
            {
                "layers": ["0"],
                "keep": [2, 4, 6, 8, 10, 11, 13, 14],
                "of": 16,
                "places": [["0", "out", 0, 1], ["2", "in", 0, 1]],
            }
        ],
        "left_alone": {"2": "its channels are the network's output"},
    }


def test_the_smallest_scales_go() -> None:
    model, inputs = networks.sequential(0)
    norm: Any = model.get_submodule("0.1")
    norm.weight.data = torch.tensor([-3.0, 0.1, 2.0, -0.2] * 4)
    plan = Channels(importance="batch_norm", multiple=4).plan(model, _batches(inputs))
    assert plan["cuts"][0]["keep"] == [0, 2, 4, 6, 8, 10, 12, 14]


def test_taylor_is_the_slope_of_the_loss() -> None:
    """Against finite differences: the channel's weights in its readers, a little smaller, by example."""
    model, inputs = networks.residual(0)
    model, inputs = model.double(), inputs.double()
    targets = torch.tensor([0, 1, 2, 3])
    groups = [group for group in find_groups(model, inputs) if not group.frozen]
    scores = importance.taylor(model, groups, [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])])
    step = 1e-6
    for group, channel in ((groups[0], 3), (groups[1], 0)):
        changes = []
        for sign in (1, -1):
            nudged, _ = networks.residual(0)
            nudged.double()
            for place in group.places:
                if place.side == "in":
                    layer: Any = nudged.get_submodule(place.layer)
                    layer.weight.data[:, place.start + channel] *= 1 + sign * step
            with torch.no_grad():
                outputs = nudged(inputs)
            changes.append(torch.stack([task_loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(4)]))
        slopes = (changes[0] - changes[1]) / (2 * step)
        assert float(scores[groups.index(group)][channel]) == pytest.approx(float(slopes.abs().mean()), rel=1e-4)


def test_taylor_keeps_what_matters_where_magnitude_is_blind() -> None:
    """Large filters whose channels nobody heeds go first."""
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 5))
    with torch.no_grad():
        model[0].weight[:8] *= 100
        model[2].weight[:, :8] = 0
    inputs = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    kept = {
        name: Channels(importance=name).plan(model, _batches(inputs))["cuts"][0]["keep"]  # type: ignore[arg-type]
        for name in ("magnitude", "taylor")
    }
    assert kept == {"magnitude": list(range(8)), "taylor": list(range(8, 16))}


def test_uniform_and_global_spreads() -> None:
    """Uniform halves both layers; globally the layer whose channels are alike keeps them, the other pays."""
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.fill_(1.0)
        model[2].weight[:24] = 0.01
    batches = _batches(torch.randn(3, 4))
    assert _cuts(Channels().plan(model, batches)) == {("0",): (16, 32), ("2",): (16, 32)}
    assert _cuts(Channels(spread="global", sparsity=0.375).plan(model, batches)) == {("2",): (8, 32)}


def test_resnet20_is_cut_inside_its_blocks() -> None:
    model = resnet20((3, 32, 32), 10).eval()
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plan = Channels(sparsity=0.5).plan(model, _batches(inputs))
    widths = {1: 16, 2: 32, 3: 64}
    assert _cuts(plan) == {
        (f"layer{stage}.{block}.conv1",): (width // 2, width) for stage, width in widths.items() for block in range(3)
    }
    assert "pad in layer layer2.0" in plan["left_alone"]["layer1.0.conv2"]


def test_ignored_layers_stay_with_those_that_are_coupled_to_them() -> None:
    model, inputs = networks.residual(0)
    plan = Channels(ignore=("1.outside",)).plan(model, _batches(inputs))
    assert set(_cuts(plan)) == {("1.inside.0",), ("2.inside.0",)}
    assert plan["left_alone"]["1.outside.0"] == "ignored"
    assert plan["left_alone"]["0.0"] == "coupled with 1.outside.0, which is ignored"
    with pytest.raises(InputError, match=r"ignore: must name a layer .* '1\.outsid'; nearest valid choice: 1\.outside"):
        Channels(ignore=("1.outsid",)).plan(model, _batches(inputs))


def test_nothing_to_cut_is_refused_with_the_reasons() -> None:
    narrow = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    batches = _batches(torch.zeros(3, 4))
    with pytest.raises(Refusal, match="0: 2 of its 4 channels, in whole blocks, is all of them"):
        Channels().plan(narrow, batches)
    with pytest.raises(Refusal, match="0: no batch norm follows it"):
        Channels(importance="batch_norm").plan(narrow, batches)
    with pytest.raises(Refusal, match="no convolution or linear layer"):
        Channels().plan(nn.Sequential(nn.ReLU()), batches)


def test_a_cut_that_would_change_more_is_refused() -> None:
    class Scaled(nn.Sequential):
        def forward(self, inputs: Tensor) -> Tensor:
            hidden = self[0](inputs)
            outputs: Tensor = self[1](hidden / hidden.shape[1])
            return outputs

    with pytest.raises(Refusal, match="cutting 0 changes more than their channels"):
        Channels().plan(Scaled(nn.Linear(4, 16), nn.Linear(16, 2)), _batches(torch.ones(3, 4)))


def test_bad_inputs() -> None:
    model, inputs = networks.mlp(0)
    with pytest.raises(InputError, match="at least one batch"):
        Channels().plan(model, [])
    with pytest.raises(Refusal, match=r"the network Undecided could not be traced"):
        Channels().plan(networks.undecided(0)[0], _batches(inputs))
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(Refusal, match=r"the magnitude of layer 0\.0 is not finite"):
        Channels().plan(model, _batches(inputs))
    for knobs in ({"sparsity": 1.0}, {"sparsity": 0.0}, {"multiple": 0}, {"importance": "chance"}):
        with pytest.raises(ValidationError):
            Channels(**knobs)  # type: ignore[arg-type]

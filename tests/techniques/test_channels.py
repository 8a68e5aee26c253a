"""Channels: which channels go, how widths are rounded, what is left alone and why."""

from __future__ import annotations

from typing import Any

import contract
import pytest
import torch
from pydantic import ValidationError
from support import networks
from torch import Tensor, nn

from tasks.architectures import resnet20
from tasks.core import InputError, Refusal
from tasks.kernels.latency import layer_costs
from tasks.kernels.onnx.layer_timing import Layer
from tasks.kernels.pruning import importance, latency_target
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.training.losses import task_loss
from tasks.techniques import Channels
from tasks.techniques.pruning.width_selection import round_width


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
    assert round_width(wanted, channels, multiple) == width


def test_the_smallest_filters_go() -> None:
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    strengths = torch.tensor([5, 1, 9, 2, 8, 3, 7, 4, 6, 0.5, 10, 11, 0.1, 12, 13, 0.2])
    model[0].weight.data = strengths[:, None] * torch.tensor([[1.0, -1.0, 0.0, 0.0]])
    plan = Channels(sparsity=0.5, multiple=8).plan(model, _batches(torch.randn(3, 4)))
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
        name: Channels(importance=name, multiple=8).plan(model, _batches(inputs))["cuts"][0]["keep"]  # type: ignore[arg-type]
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
    assert _cuts(Channels(multiple=8).plan(model, batches)) == {("0",): (16, 32), ("2",): (16, 32)}
    assert _cuts(Channels(spread="global", sparsity=0.375, multiple=8).plan(model, batches)) == {("2",): (8, 32)}


def test_resnet20_is_cut_inside_its_blocks_and_along_its_stream() -> None:
    model = resnet20((3, 32, 32), 10).eval()
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plan = Channels(sparsity=0.5, multiple=8).plan(model, _batches(inputs))
    widths = {1: 16, 2: 32, 3: 64}
    stream = ("conv1", *(f"layer{stage}.{block}.conv2" for stage in widths for block in range(3)))
    inside = {
        (f"layer{stage}.{block}.conv1",): (width // 2, width) for stage, width in widths.items() for block in range(3)
    }
    assert _cuts(plan) == {stream: (8, 16), **inside}
    assert "pad in layer layer2.0" in plan["left_alone"]["layer2.0.conv2"]


def test_ignored_layers_stay_with_those_that_are_coupled_to_them() -> None:
    model, inputs = networks.residual(0)
    plan = Channels(ignore=("1.outside",), multiple=8).plan(model, _batches(inputs))
    assert set(_cuts(plan)) == {("1.inside.0",), ("2.inside.0",)}
    assert plan["left_alone"]["1.outside.0"] == "ignored"
    assert plan["left_alone"]["0.0"] == "coupled with 1.outside.0, which is ignored"
    with pytest.raises(InputError, match=r"ignore: must name a layer .* '1\.outsid'; nearest valid choice: 1\.outside"):
        Channels(ignore=("1.outsid",)).plan(model, _batches(inputs))


def test_nothing_to_cut_is_refused_with_the_reasons() -> None:
    narrow = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    batches = _batches(torch.zeros(3, 4))
    with pytest.raises(Refusal, match="0: in whole blocks, all of its 4 channels stay"):
        Channels(multiple=8).plan(narrow, batches)
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


def test_a_share_or_a_speedup_decides() -> None:
    with pytest.raises(ValidationError, match="sparsity: must be absent where speedup is given"):
        Channels(sparsity=0.5, speedup=2.0)
    with pytest.raises(ValidationError):
        Channels(speedup=1.0)
    asking = {Channels(): True, Channels(multiple=8): False, Channels(speedup=2.0, multiple=8): True}
    assert all(technique.asks_host is asks for technique, asks in asking.items())


def test_without_a_block_of_the_user_the_hosts_own_decides() -> None:
    """Blocks of 16, so fours in 24. The first layer is faster at every width, the second at 16, and no more below."""
    model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))
    widths = (24, 20, 16, 12, 8, 4)
    probe = {
        width: Layer(width, width, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)) for width in (64, 60, 56, 48, 32)
    }
    table = {str(layer): 0.5 if width <= 48 else 1.0 for width, layer in probe.items()}
    table |= {str(Layer(4, width, ())): width / 24 for width in widths}
    table |= {str(Layer(width, 24, ())): 1.0 for width in widths}
    table |= {str(Layer(24, width, ())): 0.5 if width <= 16 else 1.0 for width in widths}
    table |= {str(Layer(width, 2, ())): 0.5 for width in widths}
    with layer_costs.cost_table(table):
        plan = Channels().plan(model, _batches(torch.randn(3, 4)))
    assert _cuts(plan) == {("0",): (12, 24), ("2",): (16, 24)}
    assert plan["measured"] == {"block": 16, "options": [[*widths], [24, 16]]}


def test_fpgm_cuts_what_others_can_stand_in_for() -> None:
    """Twelve filters are alike, four are not; magnitude would cut those, which are small."""
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(16, 4) * 5 + 0.01 * torch.randn(16, 4))
        model[0].weight[::4] = torch.eye(4)
    plan = Channels(importance="fpgm", multiple=4, sparsity=0.75).plan(model, _batches(torch.randn(3, 4)))
    assert plan["cuts"][0]["keep"] == [0, 4, 8, 12]


def test_what_cannot_be_followed_is_refused_by_name_on_demand() -> None:
    model, inputs = networks.flattened_fixed(0)
    plan = Channels(multiple=8).plan(model, _batches(inputs))
    layer = "features.0.0"
    assert plan["left_alone"][layer].startswith("its channels flow into the method view")
    with pytest.raises(Refusal, match=f"layer {layer} cannot be followed: its channels flow into the method view"):
        Channels(multiple=8, unfollowable="refuse").plan(model, _batches(inputs))
    spared = Channels(multiple=8, unfollowable="refuse", ignore=(layer,)).plan(model, _batches(inputs))
    assert spared["left_alone"][layer] == "ignored"


def test_channels_that_are_padded_are_followed() -> None:
    """An option-A shortcut: half of the wider channels stand beside fixed zeros, and stay; the others are cut."""
    model, inputs = networks.residual_padded(0)
    plan = Channels(multiple=4, unfollowable="refuse").plan(model, _batches(inputs))
    assert plan == Channels(multiple=4).plan(model, _batches(inputs))
    assert plan["cuts"]
    assert any("fixed number that" in reason for reason in plan["left_alone"].values())


def _wide(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = [layer for i in range(2) for layer in (nn.Conv2d(96 if i else 3, 96, 3, padding=1), nn.ReLU())]
        return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 5))


def test_a_speedup_is_kept_to_or_refused() -> None:
    batches = _batches(torch.randn(2, 3, 16, 16))
    technique = Channels(speedup=1.3, multiple=32)
    table: dict[str, float] = {}
    with layer_costs.cost_table(table):
        plan = contract.check(technique, _wide, batches)
        assert plan is not None
        assert plan["measured"]["measured"] >= 1.3 * latency_target.SHORT
        assert all(len(cut["keep"]) in (32, 64) for cut in plan["cuts"])
        found = plan["measured"]["layers"]
        assert sum(layer["after"] for layer in found.values()) < sum(layer["before"] for layer in found.values())
        sentence = r"Sequential cannot be 90 times as fast by cutting 0, 2 .*the most that was measured is \d"
        with pytest.raises(Refusal, match=sentence):
            Channels(speedup=90, multiple=32).plan(_wide(0), batches)

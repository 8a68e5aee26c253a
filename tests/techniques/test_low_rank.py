"""LowRank: which layers are factorized, and why the others are left alone."""

from __future__ import annotations

import contract
import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.core import InputError, Refusal
from tasks.kernels.latency import layer_costs
from tasks.kernels.lowrank.rank_timing import factor_layers
from tasks.kernels.onnx.layer_timing import Layer
from tasks.techniques import LowRank


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _batches(inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(inputs, torch.arange(len(inputs)) % 5)]


class Spare(nn.Module):
    """It holds a layer that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(16, 16)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


def test_low_rank_layers_are_found_and_answer_the_same() -> None:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 5))
    with torch.no_grad():
        left, right = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)), torch.ones(3, 32)
        right[1, ::2] = -1
        right[2, ::3] = 2
        model[0].weight.copy_(left @ right)
    inputs = torch.randn(4, 32, generator=torch.Generator().manual_seed(1))
    plan = LowRank(ranks="energy", energy=0.9999).plan(model, _batches(inputs))
    assert plan["layers"] == [{"name": "0", "kind": "linear", "ranks": [3]}]
    assert set(plan["left_alone"]) == {"2", "4"}
    assert torch.allclose(LowRank().apply(model, plan)(inputs), model(inputs), atol=1e-4)


def test_kinds_and_reasons() -> None:
    plan = LowRank(ranks="energy", energy=0.5).plan(*_case(networks.depthwise))
    kinds = {layer["name"]: layer["kind"] for layer in plan["layers"]}
    assert kinds["excite"] == "pointwise"
    assert plan["left_alone"]["widen.1.0"] == "a Conv2d in 32 groups is not factorized"
    residual = LowRank(ranks="energy", energy=0.5).plan(*_case(networks.residual))
    assert {layer["kind"] for layer in residual["layers"]} == {"linear", "tucker"}


def _case(network: networks.Network) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    model, inputs = network(0)
    return model, _batches(inputs)


def test_more_energy_means_higher_ranks() -> None:
    model, batches = _case(networks.flattened)
    ranks = [
        {
            layer["name"]: sum(layer["ranks"])
            for layer in LowRank(ranks="energy", energy=energy, minimum_saving=0).plan(model, batches)["layers"]
        }
        for energy in (0.3, 0.6)
    ]
    assert ranks[0]["hidden"] < ranks[1]["hidden"]


def test_what_saves_too_little_is_left_alone() -> None:
    model, batches = _case(networks.flattened)
    plan = LowRank(ranks="energy", energy=0.6, minimum_saving=0.1).plan(model, batches)
    strict = {
        layer["name"]
        for layer in LowRank(ranks="energy", energy=0.6, minimum_saving=0.4).plan(model, batches)["layers"]
    }
    assert strict < {layer["name"] for layer in plan["layers"]}
    with pytest.raises(Refusal, match=r"features\.0\.0: at rank .* it would save 0% of its multiply-accumulates"):
        LowRank(ranks="energy", energy=0.999).plan(model, batches)


def test_ignored_shared_uncalled_and_composite_layers_are_left_alone() -> None:
    model, batches = _case(networks.mlp)
    plan = LowRank(ranks="energy", energy=0.3, ignore=("0",)).plan(model, batches)
    assert plan["left_alone"]["0.0"] == "ignored"
    with pytest.raises(InputError, match=r"ignore: must name a layer"):
        LowRank(ignore=("zero",)).plan(model, batches)
    tied = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16))
    tied[1].weight = tied[0].weight
    composite = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.Sequential(tied, nn.Unflatten(1, (1, 16)), composite, Spare())
    plan = LowRank(ranks="energy", energy=0.3).plan(model.eval(), [(torch.randn(2, 16), torch.zeros(2))])
    assert plan["left_alone"]["0.0"] == "it shares weights with 0.1"
    assert plan["left_alone"]["3.unused"] == "the network did not call it"
    assert plan["left_alone"]["2.linear1"] == "it is part of a composite layer of torch"
    assert [layer["name"] for layer in plan["layers"]] == ["0.2"]
    assert LowRank().apply(model, plan)(torch.zeros(2, 16)).shape == (2, 1, 16)


def test_weights_that_are_not_finite_are_refused() -> None:
    model, batches = _case(networks.mlp)
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("inf")
    with pytest.raises(Refusal, match=r"the weights of layer 0\.0 are not finite"):
        LowRank().plan(model, batches)


def _large(seed: int) -> nn.Module:
    """Two layers of 512 x 512: the first of rank 8, the second of full rank."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 5))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 23)
        first, second = (torch.randn(shape, generator=generator) for shape in ((512, 8), (8, 512)))
        model.get_submodule("0").weight.copy_(first @ second / 64)
    return model.eval()


def test_by_time_only_what_gets_faster_is_factorized() -> None:
    technique = LowRank(energy=0.999)
    batches = _batches(torch.randn(2, 512, generator=torch.Generator().manual_seed(1)))
    plan = contract.check(technique, lambda seed: _large(0), batches)
    assert plan is not None
    (layer,) = plan["layers"]
    assert (layer["name"], layer["kind"]) == ("0", "linear")
    assert layer["ranks"][0] >= 8
    assert layer["after"] < layer["before"]
    assert plan["measured"] > 1
    assert "it would save none of its multiply-accumulates" in plan["left_alone"]["2"]
    assert technique.asks_host
    assert not LowRank(ranks="energy").asks_host


def test_by_time_what_takes_longer_is_left_alone_with_both_times() -> None:
    model = _large(0)
    whole = Layer(512, 512, ())
    table = {str(whole): 0.05, **{str(piece): 0.03 for rank in (8, 16, 32) for piece in factor_layers(whole, [rank])}}
    with layer_costs.cost_table(table), pytest.raises(Refusal) as refused:
        LowRank(energy=0.999).plan(model, _batches(torch.zeros(2, 512)))
    assert "low_rank: no layer gets faster on this host" in str(refused.value)
    assert "0: at rank 32 it would take 0.0600 ms instead of 0.0500" in str(refused.value)

"""LowRank: which layers are factorized, and why the others are left alone."""

from __future__ import annotations

import networks
import pytest
import torch
from torch import Tensor, nn

from tasks.artifacts import InputError, Refusal
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
    plan = LowRank(energy=0.9999).plan(model, _batches(inputs))
    assert plan["layers"] == [{"name": "0", "kind": "linear", "ranks": [3]}]
    assert set(plan["left_alone"]) == {"2", "4"}
    assert torch.allclose(LowRank().apply(model, plan)(inputs), model(inputs), atol=1e-4)


def test_kinds_and_reasons() -> None:
    plan = LowRank(energy=0.5).plan(*_case(networks.depthwise))
    kinds = {layer["name"]: layer["kind"] for layer in plan["layers"]}
    assert kinds["excite"] == "pointwise"
    assert plan["left_alone"]["widen.1.0"] == "a Conv2d in 32 groups is not factorized"
    residual = LowRank(energy=0.5).plan(*_case(networks.residual))
    assert {layer["kind"] for layer in residual["layers"]} == {"linear", "tucker"}


def _case(network: networks.Network) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    model, inputs = network(0)
    return model, _batches(inputs)


def test_more_energy_means_higher_ranks() -> None:
    model, batches = _case(networks.flattened)
    ranks = [
        {
            layer["name"]: sum(layer["ranks"])
            for layer in LowRank(energy=energy, minimum_saving=0).plan(model, batches)["layers"]
        }
        for energy in (0.3, 0.6)
    ]
    assert ranks[0]["hidden"] < ranks[1]["hidden"]


def test_what_saves_too_little_is_left_alone() -> None:
    model, batches = _case(networks.flattened)
    plan = LowRank(energy=0.6, minimum_saving=0.1).plan(model, batches)
    strict = {layer["name"] for layer in LowRank(energy=0.6, minimum_saving=0.4).plan(model, batches)["layers"]}
    assert strict < {layer["name"] for layer in plan["layers"]}
    with pytest.raises(Refusal, match=r"features\.0\.0: at rank .* it would save 0% of its multiply-accumulates"):
        LowRank(energy=0.999).plan(model, batches)


def test_ignored_shared_uncalled_and_composite_layers_are_left_alone() -> None:
    model, batches = _case(networks.mlp)
    plan = LowRank(energy=0.3, ignore=("0",)).plan(model, batches)
    assert plan["left_alone"]["0.0"] == "ignored"
    with pytest.raises(InputError, match=r"ignore: must name a layer"):
        LowRank(ignore=("zero",)).plan(model, batches)
    tied = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16))
    tied[1].weight = tied[0].weight
    composite = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.Sequential(tied, nn.Unflatten(1, (1, 16)), composite, Spare())
    plan = LowRank(energy=0.3).plan(model.eval(), [(torch.randn(2, 16), torch.zeros(2))])
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

"""Every technique on every kind of network: it keeps the contract, or refuses by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import contract
import pytest
import torch
from support import networks
from support.networks import Network
from torch import nn

from tasks.techniques import TECHNIQUES, Blocks, Channels, LowRank, QuantizeAware, Technique, Weights

TABLE: tuple[Technique, ...] = (
    Channels(multiple=8),
    Channels(sparsity=0.4, importance="batch_norm", spread="global", multiple=4),
    Channels(sparsity=0.6, importance="taylor", spread="global", multiple=1),
    Blocks(),
    Blocks(share=0.9, examples=16),
    LowRank(ranks="energy", energy=0.5),
    LowRank(ranks="energy", energy=0.9, minimum_saving=0.0),
    QuantizeAware(),
    QuantizeAware(weight_bits=7),
    Weights(),
    Weights(sparsity=0.7, spread="layer", minimum=0.1),
    Weights(pattern="2:4"),
)
HANDLED = {
    Channels: {network.__name__ for network in networks.CUTTABLE},
    Blocks: {"residual", "residual_padded", "group_norm"},
    LowRank: {network.__name__ for network in networks.NETWORKS},
    QuantizeAware: {network.__name__ for network in networks.TRACEABLE},
    Weights: {network.__name__ for network in networks.NETWORKS},
}
"""Where the first of a technique's rows has something to do: a refusal there would be a loss."""


def _batches(network: Network) -> list[tuple[torch.Tensor, torch.Tensor]]:
    inputs = network(0)[1]
    return [(inputs, torch.arange(len(inputs)) % 5), (inputs.flip(0)[:3], torch.tensor([4, 0, 1]))]


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.__name__)
@pytest.mark.parametrize("technique", TABLE, ids=lambda technique: f"{technique.step}-{TABLE.index(technique)}")
def test_contract(technique: Technique, network: Network) -> None:
    plan = contract.check(technique, lambda seed: network(seed)[0], _batches(network))
    first = next(row for row in TABLE if type(row) is type(technique))
    if technique is first:
        assert (plan is not None) == (network.__name__ in HANDLED[type(technique)])


def test_the_table_is_complete() -> None:
    assert {kind for kind in TECHNIQUES if kind.form == "torch"} == {type(technique) for technique in TABLE}


class _Vandal(Technique):
    """Breaks the contract in the way its knob says."""

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Any, ...]] = ("bytes",)
    step: Literal["vandal"] = "vandal"
    way: str

    def plan(self, model: nn.Module, batches: Sequence[Any]) -> dict[str, Any]:
        if self.way == "plan trains":
            model.train(not model.training)
        if self.way == "plan is not JSON":
            return {"cuts": (1, 2)}
        if self.way == "plan draws":
            torch.rand(1)
        return {"cuts": []}

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        if self.way == "apply in place":
            with torch.no_grad():
                next(model.parameters()).zero_()
        return model


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("plan trains", "plan must leave the model"),
        ("plan draws", "plan must leave the model"),
        ("plan is not JSON", "survive JSON"),
        ("apply in place", "apply must leave the model"),
        ("nothing is lower", "promises to lower bytes"),
    ],
)
def test_the_contract_catches_a_vandal(way: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        contract.check(_Vandal(way=way), lambda seed: networks.mlp(seed)[0], _batches(networks.mlp))


def test_one_technique_after_another() -> None:
    """The factors are layers like any other: their ranks and the channels between them can be cut, too."""

    def thin(seed: int) -> nn.Module:
        model = networks.residual(seed)[0]
        plan = LowRank(ranks="energy", energy=0.6).plan(networks.residual(0)[0], _batches(networks.residual))
        return LowRank().apply(model, plan)

    plan = contract.check(Channels(multiple=4), thin, _batches(networks.residual))
    assert plan is not None
    assert any(cut["layers"] == ["1.inside.0.0"] for cut in plan["cuts"])

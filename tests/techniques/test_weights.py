"""Weights: counts that are exact, layers that never become empty, patterns, and what is left alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from support import networks
from torch import nn

from tasks.core import InputError, Refusal
from tasks.techniques import Weights, any_of
from tasks.techniques.pruning import gradual
from tasks.techniques.pruning.gradual import Gradual

NONE: list[tuple[Any, Any]] = []
"""Magnitudes need no data."""


def _model(*sizes: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(sizes)))


def _zeros(model: nn.Module) -> dict[str, int]:
    return {name: int((p == 0).sum()) for name, p in model.named_parameters() if name.endswith("weight")}


def test_by_hand() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    model[0].weight.data = torch.tensor([[3.0, -1.0, 2.0], [0.5, -4.0, 1.0]])
    bias = model[0].bias.clone()
    plan = Weights(sparsity=0.5).plan(model, NONE)
    assert plan == {"layers": [{"name": "0", "zeros": 3, "of": 6}], "pattern": None, "left_alone": {}}
    compressed = Weights().apply(model, plan)
    assert compressed[0].weight.tolist() == [[3.0, 0.0, 2.0], [0.0, -4.0, 0.0]]
    assert torch.equal(compressed[0].bias, bias)
    assert not torch.signbit(compressed[0].weight[0, 1])


def test_global_ranks_layers_together_and_layer_does_not() -> None:
    model = _model(20, 30, 10)
    model[0].weight.data *= 10
    together = Weights(sparsity=0.5, minimum=0.05).plan(model, NONE)
    assert together["layers"] == [{"name": "0", "zeros": 165, "of": 600}, {"name": "1", "zeros": 285, "of": 300}]
    compressed = Weights().apply(model, together)
    assert _zeros(compressed) == {"0.weight": 165, "1.weight": 285}
    apart = Weights(sparsity=0.5, spread="layer").plan(model, NONE)
    assert [layer["zeros"] for layer in apart["layers"]] == [300, 150]


def test_equal_weights_are_counted_exactly() -> None:
    model = _model(10, 10, 10)
    for layer in model:
        nn.init.constant_(layer.weight, 0.5)
    assert sum(_zeros(Weights().apply(model, Weights(sparsity=0.37).plan(model, NONE))).values()) == 74


def test_a_second_cut_counts_the_first_one_in() -> None:
    model = _model(16, 16, 4)
    once = Weights().apply(model, Weights(sparsity=0.4).plan(model, NONE))
    twice = Weights().apply(once, Weights(sparsity=0.8).plan(once, NONE))
    assert sum(_zeros(twice).values()) == round(0.8 * (16 * 16 + 16 * 4))
    assert all((new[old == 0] == 0).all() for old, new in zip(once.parameters(), twice.parameters(), strict=True))


def test_no_layer_becomes_empty() -> None:
    model = _model(40, 40, 2)
    model[1].weight.data *= 1e-3
    plan = Weights(sparsity=0.9).plan(model, NONE)
    assert plan["layers"][1] == {"name": "1", "zeros": 79, "of": 80}
    for spread, layer in (("global", "1"), ("layer", "1")):
        with pytest.raises(InputError, match=f"sparsity: must leave every layer a weight, but {layer} would keep none"):
            Weights(sparsity=0.995, spread=spread, minimum=0).plan(model, NONE)


@pytest.mark.parametrize(("pattern", "share"), [("2:4", 0.5), ("4:8", 0.5), ("1:4", 0.75)])
def test_patterns(pattern: str, share: float) -> None:
    model, _ = networks.sequential()
    technique = Weights(pattern=pattern)
    plan = technique.plan(model, NONE)
    assert plan["left_alone"] == {"0.0": f"its 3 inputs are no multiple of {pattern[-1]}"}
    compressed = technique.apply(model, plan)
    for layer in plan["layers"]:
        assert layer["zeros"] == share * layer["of"] == int((compressed.get_submodule(layer["name"]).weight == 0).sum())


def test_what_is_left_alone() -> None:
    model = _model(8, 8, 8)
    model[1].weight = model[0].weight
    model.append(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))).append(nn.Linear(8, 3)).append(nn.Linear(3, 3))
    plan = Weights(ignore=("4",)).plan(model, NONE)
    assert [layer["name"] for layer in plan["layers"]] == ["3"]
    assert plan["left_alone"] == {
        "0": "it shares weights with 1",
        "1": "it shares weights with 0",
        "2": "its weights are computed from other tensors",
        "4": "ignored",
    }


def test_refusals() -> None:
    with pytest.raises(Refusal, match="no convolution or linear layer in ReLU"):
        Weights().plan(nn.ReLU(), NONE)
    with pytest.raises(Refusal, match="nothing to prune: 0: its 6 inputs are no multiple of 4"):
        Weights(pattern="2:4").plan(_model(6, 3), NONE)
    broken = _model(4, 4)
    broken[0].weight.data[1, 1] = torch.nan
    with pytest.raises(Refusal, match="layer 0 are not finite"):
        Weights().plan(broken, NONE)
    plan = Weights().plan(_model(4, 4), NONE)
    with pytest.raises(Refusal, match="another network: layer 0"):
        Weights().apply(_model(4, 5), plan)


def test_an_unknown_name_gets_the_nearest() -> None:
    model, _ = networks.attention()
    with pytest.raises(InputError, match="nearest valid choice: query"):
        Weights(ignore=("querry",)).plan(model, NONE)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"sparsity": 0.5, "pattern": "2:4"}, "excludes a sparsity"),
        ({"pattern": "4:4"}, "nearest valid choice: 3:4"),
        ({"pattern": "2 of 4"}, "should match pattern"),
        ({"pattern": "0:4"}, "should match pattern"),
        ({"sparsity": 0.999}, "minimum of 0.01, but got 0.999; nearest valid choice: 0.99"),
        ({"sparsity": 1.0}, "less than 1"),
    ],
)
def test_knobs_that_contradict(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Weights(**knobs)


def test_gradual_by_hand() -> None:
    """Zhu and Gupta's cubic in two rounds: 1 - (1/2)^3 of the final sparsity, then all of it."""
    steps = gradual.expand_schedule(Gradual(sparsity=0.8, rounds=2, epochs=3, spread="layer", ignore=("head",)))
    shared = {"spread": "layer", "ignore": ["head"]}
    assert steps == (
        {"step": "weights", "sparsity": 0.7, **shared},
        {"step": "recover", "epochs": 3},
        {"step": "weights", "sparsity": 0.8, **shared},
        {"step": "recover", "epochs": 3},
    )


def test_gradual_is_made_of_valid_steps_that_rise() -> None:
    steps = TypeAdapter(list[any_of(Weights)]).validate_python(
        [step for step in gradual.expand_schedule(Gradual(sparsity=0.9, rounds=7)) if step["step"] == "weights"]
    )
    levels = [step.sparsity for step in steps]
    assert levels == sorted(levels)
    assert levels[-1] == 0.9
    rises = [late - early for early, late in pairwise([0.0, *levels])]
    assert rises == sorted(rises, reverse=True)

"""Checkpoint forms: the state dict that fits is found, whatever it is wrapped in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support import models
from torch import Tensor, nn

from tasks.core import InputError
from tasks.models.checkpoint_forms import Found, find_state
from tasks.models.state_fit import Target

State = dict[str, Any]
MODEL = models.build(seed=1)
STATE: State = dict(MODEL.state_dict())
OTHER: State = dict(models.build(seed=2).state_dict())
SMALL: State = dict(models.build(width=2).state_dict())


def find(content: Any, key: str | None = None, model: nn.Module = MODEL) -> Found:
    return find_state(content, Target.of(model), key, "weights.pt")


def is_own(found: Found) -> bool:
    return found.fit.is_exact and all(torch.equal(found.state[name], tensor) for name, tensor in STATE.items())


def named(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def moments() -> State:
    return {name: torch.zeros_like(tensor, dtype=torch.float32) for name, tensor in STATE.items()}


FORMS: dict[str, Any] = {
    "plain": STATE,
    "with a word beside": {**STATE, "note": "best of five"},
    "model_state_dict": {"model_state_dict": STATE, "optimizer_state_dict": {"state": {}}, "loss": torch.tensor(0.3)},
    "net": {"net": STATE, "acc": 91.2},
    "ema alone": {"ema": STATE},
    "plain beside ema": {"state_dict_ema": OTHER, "state_dict": STATE},
    "distributed, plain beside ema": {"model": named("module.", STATE), "model_ema": OTHER},
    "compiled": named("_orig_mod.", STATE),
    "a compiled part": {
        name.replace("0.", "0._orig_mod.", 1) if name[:2] == "0." else name: t for name, t in STATE.items()
    },
    "two prefixes": {"state_dict": named("module.model.", STATE)},
    "averaged": {"n_averaged": torch.tensor(4), **named("module.", STATE)},
    "lightning with a loss": {"state_dict": {**named("model.", STATE), "criterion.weight": torch.ones(4)}},
    "counted operations": {**STATE, "total_ops": torch.zeros(1), "0.total_params": torch.zeros(1)},
    "more batch counters": {**STATE, "0.num_batches_tracked": torch.tensor(3)},
    "two networks": {"models": {"gen": STATE, "disc": SMALL}},
    "two networks, three levels": {"run": {"models": {"gen": STATE, "disc": SMALL}}},
    "an optimizer larger than the model": {"optimizer": {"exp_avg": moments(), "exp_avg_sq": moments()}, "net": STATE},
    "the same twice": {"model": STATE, "last": dict(STATE)},
    "a backbone beside heads": {**named("backbone.", STATE), **named("head.", SMALL)},
    "sparse": {name: t.to_sparse() if name == "0.weight" else t for name, t in STATE.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_state_dict_is_found(form: str) -> None:
    assert is_own(find(FORMS[form]))


def test_old_files_lack_batch_counters() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = {name: tensor for name, tensor in model.state_dict().items() if "tracked" not in name}
    assert find(state, model=model).fit.is_exact


@pytest.mark.parametrize("key", ["ema", "ema.module", "nets.a"])
def test_a_key_chooses(key: str) -> None:
    content = {"model": OTHER, "ema": named("module.", STATE), "nets": {"a": STATE, "b": OTHER}}
    assert is_own(find(content, key))


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ({"model": STATE, "ema": OTHER}, "emma", r"^weights\.pt: model\.key: must be a path .*'emma'.*choice: ema$"),
        ({"netG_A": STATE, "netG_B": OTHER}, None, r"2 state dicts that fit .*model\.key must.*: netG_A, netG_B$"),
        (named("a.", STATE) | named("b.", OTHER), None, r"2 state dicts that fit .*: a, b$"),
        ({"deep": {"deeper": {"deepest": {"still": STATE}}}}, None, r"must hold a state dict \(names to tensors\)$"),
        ({}, None, r"must hold a state dict \(names to tensors\)$"),
        ({"epoch": 3}, None, r"must hold a state dict \(names to tensors\)$"),
        ({0: torch.zeros(1)}, None, r"must hold a state dict \(names to tensors\)$"),
        (list(STATE), None, r"must hold a state dict \(names to tensors\)$"),
        (list(STATE.values()), None, r"but got '\d+ tensors without names'; nearest .*state_dict\(\), PATH\)$"),
        (torch.zeros(1), None, r"but got 'a tensor without a name'; nearest .*state_dict\(\), PATH\)$"),
    ],
)
def test_what_is_not_found_is_said(content: Any, key: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(content, key)


@pytest.mark.parametrize(
    ("content", "extra"),
    [
        ({**STATE, **named("ema.", OTHER)}, sum("tracked" not in name for name in OTHER)),
        ({"model": {**STATE, "aux.weight": torch.zeros(1)}, "ema": OTHER}, 1),
    ],
)
def test_what_is_superfluous_is_no_other_state_dict(content: State, extra: int) -> None:
    found = find(content)
    assert len(found.fit.extra) == extra
    assert found.fit.is_full


def test_the_largest_stands_for_what_fits_nowhere() -> None:
    found = find({"loss": torch.zeros(1), "net": {"x.weight": torch.zeros(1), "y.weight": torch.zeros(1)}})
    assert found.where == "net"


class Tied(nn.Module):
    """An output layer that shares its weight with the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(4, 3), nn.Linear(3, 4, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, batch: Tensor) -> Tensor:
        out: Tensor = self.head(self.embed(batch))
        return out


@pytest.mark.parametrize("kept", ["embed.weight", "head.weight"])
def test_a_shared_tensor_may_have_one_name(kept: str) -> None:
    found = find({kept: torch.ones(4, 3)}, model=Tied())
    assert found.fit.is_exact
    assert torch.equal(found.state["head.weight"], torch.ones(4, 3))


def test_a_sibling_of_two_levels_is_left_out() -> None:
    assert is_own(find({"state_dict": {**named("net.student.", STATE), "net.loss.scale": torch.ones(1)}}))

"""State fit: one sentence says what differs, and values that would be changed are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tasks.core import InputError
from tasks.models.state_fit import Target, check_fit, check_values, compare

PLACE = {"file": "a.pt", "path": "model.weights"}
STATE = {
    f"{place}.{part}": torch.ones(2, 2) if part == "weight" else torch.ones(2)
    for place in range(4)
    for part in ("weight", "bias")
}


def target() -> Target:
    return Target.of(nn.Sequential(*(nn.Linear(2, 2) for _ in range(4))))


def refused(state: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        check_fit(compare(state, target()), state, target(), PLACE)
    return str(caught.value).removeprefix("a.pt: model.weights: ")


def test_what_fits_is_taken() -> None:
    check_fit(compare(STATE, target()), STATE, target(), PLACE)
    check_values(STATE, target(), PLACE)


def test_one_difference_is_said_alone() -> None:
    assert refused({**STATE, "x": torch.ones(1)}) == "has a tensor 'x' that the model lacks"
    assert refused({name: t for name, t in STATE.items() if name != "0.bias"}) == "has no tensor '0.bias' of the model"
    assert refused({**STATE, "0.bias": torch.ones(3)}) == "tensor '0.bias' must have shape (2,), but got (3,)"


def test_several_differences_stand_in_one_sentence() -> None:
    renamed = {name.replace("1.", "one."): tensor for name, tensor in STATE.items()}
    assert refused({**renamed, "0.bias": torch.ones(3)}) == (
        "must have the tensors of the model, but the file lacks '1.weight', '1.bias'; the network lacks 'one.weight', "
        "'one.bias'; by shape '0.bias' is (3,) and not (2,); nearest valid choice: one.weight"
    )


def test_five_of_each_side_are_listed() -> None:
    said = refused({f"x{place}": torch.ones(1) for place in range(7)})
    assert "'2.weight' and 3 more; the network lacks 'x0', 'x1', 'x2', 'x3', 'x4' and 2 more" in said


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (torch.ones(2, dtype=torch.int8), "must hold real numbers, but got 'int8'; nearest valid choice: float32"),
        (torch.ones(2, dtype=torch.bool), "must hold real numbers, but got 'bool'; nearest valid choice: float32"),
        (torch.ones(2, dtype=torch.cfloat), "must hold real numbers, but got 'complex64'"),
        (torch.tensor([1.0, torch.nan]), "must hold finite numbers, but not finite are 1 of 2 in '0.bias'"),
        (torch.tensor([torch.inf, -torch.inf]), "must hold finite numbers, but not finite are 2 of 2 in '0.bias'"),
        (torch.tensor([1e300, 1.0], dtype=torch.float64), "must hold finite numbers, but not finite are 1 of 2"),
        (torch.ones(2, device="meta"), "tensor '0.bias' must hold"),
    ],
)
def test_values_that_the_network_cannot_use(value: torch.Tensor, says: str) -> None:
    with pytest.raises(InputError) as caught:
        check_values({**STATE, "0.bias": value}, target(), PLACE)
    assert says in str(caught.value)


def test_an_infinite_mask_of_the_network_s_own_is_none() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))
    check_values(dict(model.state_dict()), Target.of(model), PLACE)


def test_a_layer_without_a_shape_takes_every_shape() -> None:
    lazy = Target.of(nn.LazyLinear(2))
    state = {"weight": torch.ones(2, 5), "bias": torch.ones(2)}
    assert compare(state, lazy).is_exact
    check_values(state, lazy, PLACE)

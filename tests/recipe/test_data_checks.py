"""Data checks: what follows from the untrained network is found before the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flows.recipe.data_checks import check_recipe
from flows.recipe.schema import Recipe
from tasks.conversion import onnx_export
from tasks.core import InputError, Prepared, Store

MODEL = {"search": {"space": {"model.arguments.width": {"choice": [4, 8]}}, "trials": 2}}


class Draw(nn.Module):
    """Random features, drawn with NumPy; in the state dict or not."""

    def __init__(self, outputs: int, kept: bool = False) -> None:
        super().__init__()
        self.register_buffer("draw", torch.from_numpy(np.random.randn(64, 16).astype("float32")), persistent=kept)
        self.head = nn.Linear(16, outputs)

    def forward(self, batch: Tensor) -> Tensor:
        answers: Tensor = self.head((batch.flatten(1) @ self.draw).sin())
        return answers


def draw(outputs: int, kept: bool = False) -> nn.Module:
    return Draw(outputs, kept)


def network(width: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, outputs))


def recipe(factory: str, arguments: dict[str, Any], **sections: Any) -> Recipe:
    """A recipe for pictures."""
    model = {"factory": f"{__name__}:{factory}", "arguments": arguments, **sections.pop("model", {})}
    return Recipe.model_validate({"name": "a", "data": {"source": "a.npz"}, "model": model, **sections})


@pytest.mark.parametrize("seed", [0, 1])
def test_a_draw_that_is_not_saved_is_named(seed: int, prepared: Prepared, store: Store) -> None:
    with pytest.raises(InputError, match=r"^model\.factory: draws 'draw' of Draw when it is built"):
        check_recipe(recipe("draw", {}, train={"seed": seed}), prepared, store)
    check_recipe(recipe("draw", {"kept": True}, train={"seed": seed}), prepared, store)


def test_weights_do_not_hold_what_is_not_in_the_state_dict(prepared: Prepared, store: Store, tmp_path: Path) -> None:
    weights = str(tmp_path / "trained.pt")
    torch.save(Draw(4).state_dict(), weights)
    with pytest.raises(InputError, match=r"draws 'draw' of Draw when it is built"):
        check_recipe(recipe("draw", {}, model={"weights": weights}, preprocess="none"), prepared, store)
    torch.save(Draw(4, kept=True).state_dict(), weights)
    check_recipe(recipe("draw", {"kept": True}, model={"weights": weights}, preprocess="none"), prepared, store)


def test_trained_weights_say_what_stands_in_front_of_them(prepared: Prepared, store: Store, tmp_path: Path) -> None:
    weights = str(tmp_path / "trained.pt")
    torch.save(network(4, 4).state_dict(), weights)
    model = {"model": {"weights": weights}}
    with pytest.raises(InputError, match=r"^preprocess: must say what the weights .* nearest valid choice: none$"):
        check_recipe(recipe("network", {"width": 4}, **model), prepared, store)
    check_recipe(recipe("network", {"width": 4}, **model, preprocess=[{"step": "normalize"}]), prepared, store)


def test_the_network_is_exported_once_however_many_are_searched(
    prepared: Prepared, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported, serialize = [], onnx_export.serialize_network

    def count(*given: Any) -> bytes:
        exported.append(given)
        return serialize(*given)

    monkeypatch.setattr(onnx_export, "serialize_network", count)
    check_recipe(recipe("network", {"width": 4}, **MODEL), prepared, store)
    assert len(exported) == 1


def test_random_numbers_go_on_as_before(prepared: Prepared, store: Store) -> None:
    before = torch.get_rng_state(), str(np.random.get_state())
    check_recipe(recipe("draw", {"kept": True}), prepared, store)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]

"""Default training: small data get small batches, unless the recipe says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from flows.recipe.default_training import fill_training
from flows.recipe.loading import validate_recipe


def recipe(**more: Any) -> Any:
    return validate_recipe({"name": "small", "data": {"source": "sklearn:digits"}, **more})


@pytest.mark.parametrize(("examples", "size"), [(72, 9), (20, 8), (500, 62), (1023, 127), (1024, 128), (60_000, 128)])
def test_an_epoch_has_eight_steps(examples: int, size: int) -> None:
    assert fill_training(recipe(), examples).train.batch_size == size


@pytest.mark.parametrize(
    "more",
    [
        {"train": {"batch_size": 128}},
        {"search": {"algorithm": "grid", "space": {"train.batch_size": {"choice": [64, 128]}}}},
    ],
)
def test_what_the_recipe_says_stays(more: dict[str, Any]) -> None:
    own = recipe(**more)
    assert fill_training(own, 72) == own


def test_other_values_of_the_training_stay() -> None:
    found = fill_training(recipe(train={"epochs": 3, "learning_rate": 0.1}), 72).train
    assert (found.epochs, found.learning_rate, found.batch_size) == (3, 0.1, 9)

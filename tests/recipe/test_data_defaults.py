"""Data defaults: small data get small batches and tables simple models, unless the recipe says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from flows.recipe.data_defaults import fill_defaults, fill_training, may_be_simple
from flows.recipe.loading import validate_recipe
from tasks.core import Dataset, Split


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


def dataset(kind: Any, examples: int = 72) -> Dataset:
    splits: Any = {"train": Split("", "", examples)}
    return Dataset("here", kind, "classification", (3,), "columns", (), ("a", "b"), splits, (), "")


def test_a_table_without_a_model_gets_the_best_of_several() -> None:
    found = fill_defaults(recipe(), dataset("table"))
    assert found.model.family == "auto"
    assert found.model_dump(exclude_unset=True)["model"] == {"family": "auto"}
    assert fill_defaults(recipe(), dataset("array")).model.form == "torch"
    assert fill_defaults(recipe(), dataset("images")).train.batch_size == 9


def test_the_quantile_of_the_metric_is_what_is_fitted() -> None:
    goal = {"metric": "quantile_loss", "quantile": 0.9}
    assert fill_defaults(recipe(goal=goal), dataset("table")).model.quantile == 0.9


@pytest.mark.parametrize(
    ("more", "simple"),
    [
        ({}, True),
        ({"preprocess": [{"step": "impute"}]}, True),
        ({"compress": {"branches": [{"name": "few", "steps": [{"step": "fit", "family": "linear"}]}]}}, True),
        ({"preprocess": "none"}, False),
        ({"train": {"epochs": 3}}, False),
        ({"model": {"arguments": {"width": 8}}}, False),
        ({"search": {"algorithm": "grid", "space": {"train.epochs": {"choice": [1, 2]}}}}, False),
        ({"compress": {"branches": [{"name": "narrow", "steps": [{"step": "channels"}]}]}}, False),
        ({"compress": {"search": {"algorithm": "tpe", "trials": 2}}}, False),
    ],
)
def test_what_needs_a_network_gets_one(more: dict[str, Any], simple: bool) -> None:
    assert may_be_simple(recipe(**more)) is simple


@pytest.mark.parametrize(("kind", "factory"), [("images", "convnet"), ("array", "mlp"), ("table", "mlp")])
def test_the_data_decide_the_networks_of_an_ensemble(kind: Any, factory: str) -> None:
    ensemble = recipe(model={"ensemble": {"members": 2}})
    assert fill_defaults(ensemble, dataset(kind)).model.factory == f"tasks.architectures:{factory}"

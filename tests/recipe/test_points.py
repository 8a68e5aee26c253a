"""Points: a recipe searched at points, saved and read again."""

from __future__ import annotations

from pathlib import Path

import yaml
from support.recipes import LEAST, write_recipe

from flows.recipe.loading import load_recipe, validate_recipe
from flows.recipe.points import freeze_point, own_point, searches_preprocess, unsearched, value_at, with_point
from flows.results.report_builder import as_yaml
from tasks.techniques import Channels


def test_value_at_a_path() -> None:
    recipe = validate_recipe({**LEAST, "compress": {"branches": [{"name": "a", "steps": [{"step": "channels"}]}]}})
    assert value_at(recipe, "compress.branches.0.steps.0.sparsity") == Channels().sparsity
    assert value_at(recipe, "train.early_stopping.patience") == 5
    for path in ("train.epoch", "compress.branches.1.name", "name.first", "search.space"):
        assert value_at(recipe, path) is None


def test_a_point_gives_a_recipe_of_its_own() -> None:
    recipe = validate_recipe(LEAST)
    other = with_point(recipe, {"train.epochs": 7, "model.arguments.width": 16})
    assert (other.train.epochs, other.model.arguments) == (7, {"width": 16})
    assert recipe == validate_recipe(LEAST)
    assert with_point(other, {}) == other


def test_a_settled_recipe_is_the_one_that_a_user_would_have_written(tmp_path: Path) -> None:
    space = {
        "train.optimizer": {"choice": ["sgd", "adam"]},
        "train.momentum": {"uniform": [0.5, 0.99], "when": {"train.optimizer": "sgd"}},
        "model.arguments.width": {"quantized": [8, 32, 8]},
    }
    searched = validate_recipe({**LEAST, "train": {"epochs": 3}, "search": {"space": space}})
    found = freeze_point(searched, {"train.optimizer": "sgd", "train.momentum": 0.8, "model.arguments.width": 16})
    (tmp_path / "found.yaml").write_text(as_yaml(found))
    train = {"epochs": 3, "optimizer": "sgd", "momentum": 0.8}
    assert load_recipe(tmp_path / "found.yaml") == load_recipe(
        write_recipe(tmp_path, train=train, model={"arguments": {"width": 16}})
    )
    assert yaml.safe_load(as_yaml(found)) == {**LEAST, "train": train, "model": {"arguments": {"width": 16}}}
    assert freeze_point(searched, {}) == validate_recipe({**LEAST, "train": {"epochs": 3}}), (
        "nothing found: its own values"
    )


def test_the_recipe_s_own_point_holds_what_it_names_and_what_applies() -> None:
    space = {
        "train.optimizer": {"choice": ["sgd", "adam"]},
        "train.momentum": {"uniform": [0.5, 0.99], "when": {"train.optimizer": "sgd"}},
        "train.minutes": {"choice": [None, 1.0]},
        "model.arguments.width": {"choice": [8, 16]},
    }
    for optimizer, more in (("adamw", {}), ("sgd", {"train.momentum": 0.9})):
        recipe = validate_recipe({**LEAST, "train": {"optimizer": optimizer}, "search": {"space": space}})
        assert recipe.search is not None
        assert own_point(recipe, recipe.search) == {"train.optimizer": optimizer, **more, "train.minutes": None}


def test_a_point_is_laid_from_the_outside_in() -> None:
    point = {"train.early_stopping.patience": 9, "train.early_stopping": {"min_delta": 0.5}}
    stopping = with_point(validate_recipe(LEAST), point).train.early_stopping
    assert stopping is not None
    assert (stopping.patience, stopping.min_delta) == (9, 0.5)


def test_another_family_begins_without_the_arguments_of_the_recipe_s_own() -> None:
    space = {"model.family": {"choice": ["lightgbm", "linear"]}}
    model = {"family": "lightgbm", "arguments": {"num_leaves": 7}}
    recipe = validate_recipe({**LEAST, "model": model, "search": {"space": space}})
    assert with_point(recipe, {"model.family": "lightgbm"}).model.arguments == {"num_leaves": 7}
    other = with_point(recipe, {"model.family": "linear", "model.arguments.C": 0.1})
    assert (other.model.family, other.model.arguments) == ("linear", {"C": 0.1})
    mlp, convnet = "tasks.architectures:mlp", "tasks.architectures:convnet"
    recipe = validate_recipe({**LEAST, "model": {"factory": mlp, "arguments": {"width": 8}}})
    assert with_point(recipe, {"model.factory": convnet}).model.arguments == {}
    assert with_point(recipe, {"model.factory": mlp}).model.arguments == {"width": 8}


def test_a_search_over_families_begins_with_the_first() -> None:
    space = {"model.family": {"choice": ["linear", "lightgbm"]}}
    recipe = validate_recipe({**LEAST, "search": {"space": space}})
    assert recipe.model.family == "linear"
    assert recipe.search is not None
    assert own_point(recipe, recipe.search) == {"model.family": "linear"}
    assert recipe.is_searched


def test_what_is_not_searched_of_a_recipe() -> None:
    space = {"model.arguments.width": {"choice": [8, 16]}, "preprocess.0.method": {"choice": ["standard", "minmax"]}}
    recipe = validate_recipe(
        {**LEAST, "model": {"arguments": {"width": 8}}, "preprocess": [{"step": "scale"}], "search": {"space": space}}
    )
    found = unsearched(recipe, {"model", "preprocess"})
    assert found["model"]["arguments"] == {"width": None}
    assert found["preprocess"] == [{"step": "scale", "method": None, "columns": None}]
    assert searches_preprocess(recipe)
    assert not searches_preprocess(validate_recipe(LEAST))
    networks, simple = (
        validate_recipe({**LEAST, "search": {"space": {"model.family": {"choice": choice}}}})
        for choice in (["mlp", "embedding_mlp"], ["linear", "lightgbm"])
    )
    assert searches_preprocess(networks), "an embedding takes codes"
    assert not searches_preprocess(simple)


def test_settings_of_training_at_their_defaults_are_part_of_the_own_point() -> None:
    space = {
        "train.l1": {"choice": [0, 1e-4]},
        "train.mixup": {"choice": [0, 0.2]},
        "train.ema": {"choice": [None, 0.9]},
    }
    recipe = validate_recipe({**LEAST, "search": {"space": space}})
    assert recipe.search is not None
    assert own_point(recipe, recipe.search) == {"train.l1": 0, "train.mixup": 0, "train.ema": None}
    assert with_point(recipe, {"train.l1": 1e-4, "train.ema": 0.9}).train.ema == 0.9


def test_another_optimizer_comes_with_its_own_learning_rate() -> None:
    plain, named = (validate_recipe({**LEAST, "train": train}) for train in ({"epochs": 3}, {"learning_rate": 0.02}))
    assert with_point(plain, {"train.optimizer": "sgd"}).train.learning_rate == 0.05
    assert with_point(named, {"train.optimizer": "sgd"}).train.learning_rate == 0.02

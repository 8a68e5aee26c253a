"""Recipes: read from YAML, overridden by dotted paths, searched at points, saved and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.recipe.loading import load_recipe, validate_recipe
from flows.recipe.points import freeze_point, own_point, value_at, with_point
from flows.recipe.schema import Recipe
from flows.recipe.yaml_files import put, read_yaml
from flows.results.report_builder import as_yaml
from tasks.core import InputError
from tasks.techniques import Channels, Int8

LEAST: dict[str, Any] = {"name": "least", "data": {"source": "a.csv", "target": "b"}}
SHIPPED = sorted(Path(__file__).parents[2].joinpath("conf").glob("*.yaml"))


def write(folder: Path, **sections: Any) -> Path:
    """A recipe file."""
    file = folder / "a.yaml"
    file.write_text(yaml.safe_dump({**LEAST, **sections}))
    return file


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_recipe_is_valid_and_says_its_command(file: Path) -> None:
    recipe = load_recipe(file)
    assert file.read_text().startswith(f"# paredown optimize conf/{file.name}")
    assert validate_recipe(recipe.model_dump(mode="json")) == recipe


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path))
    assert recipe == Recipe.model_validate(LEAST)
    assert (recipe.goal.metric, recipe.goal.max_drop, recipe.goal.minimize) == ("accuracy", 0.01, "latency")
    assert (recipe.search, recipe.compress) == (None, None)


def test_overrides_reach_into_sections_and_lists(tmp_path: Path) -> None:
    steps = [{"step": "channels", "sparsity": 0.5}]
    file = write(tmp_path, compress={"branches": [{"name": "a", "steps": steps}]})
    recipe = load_recipe(
        file,
        [
            "train.epochs=3",
            "train.learning_rate=3e-4",
            "train.early_stopping=null",
            "goal.limits.bytes=9",
            "compress.branches.0.steps.0={step: int8, per_channel: no}",
            "data.source=b=c.csv",
        ],
    )
    assert (recipe.train.epochs, recipe.train.learning_rate, recipe.train.early_stopping) == (3, 3e-4, None)
    assert recipe.goal.limits.bytes == 9
    assert recipe.compress is not None
    assert recipe.compress.branches[0].steps == (Int8(per_channel=False),)
    assert recipe.data.source == "b=c.csv"


def test_the_last_override_of_a_place_counts(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path), ["train.epochs=3", "train.epochs=4"]).train.epochs == 4


def test_put_makes_mappings_but_no_list_places() -> None:
    content: dict[str, Any] = {"a": [1, {"b": 2}], "c": None}
    put(content, "a.1.b", 3)
    put(content, "c.d.e", 4)
    assert content == {"a": [1, {"b": 3}], "c": {"d": {"e": 4}}}
    for path in ("a.2", "a.-1", "a.x.b", "a.0.b"):
        with pytest.raises(InputError, match="goes through a"):
            put(content, path, 5)
    assert content == {"a": [1, {"b": 3}], "c": {"d": {"e": 4}}}


def test_a_key_that_stands_twice_is_refused_at_any_depth(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: {b: [{c: 1, d: 2, c: 3}]}\n")
    with pytest.raises(InputError, match=r"line 1: .*the key 'c' stands twice"):
        read_yaml(file)
    file.write_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\n")
    assert read_yaml(file) == {"a": {"b": 1}, "c": {"b": 2}}


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
        write(tmp_path, train=train, model={"arguments": {"width": 16}})
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


def test_a_space_of_good_values_is_accepted() -> None:
    space = {
        "train.learning_rate": {"loguniform": [1e-4, 1e-1]},
        "train.epochs": {"integers": [1, 9]},
        "train.early_stopping": {"choice": [None, {"patience": 3}]},
        "model.arguments.width": {"choice": [8, 16]},
        "augment.0.padding": {"integers": [1, 4]},
    }
    recipe = validate_recipe({**LEAST, "augment": [{"step": "crop"}], "search": {"space": space}})
    assert recipe.search is not None
    assert list(recipe.search.space) == list(space)


def test_what_depends_on_another_is_tried_only_where_it_applies() -> None:
    space = {
        "augment.0.padding": {"integers": [1, 4], "when": {"augment.0.step": "crop"}},
        "augment.0.step": {"choice": ["crop", "flip"]},
        "augment.0.probability": {"uniform": [0.2, 0.8], "when": {"augment.0.step": ["flip"]}},
        "train.early_stopping": {"choice": [None, {"min_delta": 0.1}]},
        "train.early_stopping.patience": {
            "integers": [2, 9],
            "when": {"train.early_stopping": [{"min_delta": 0.1}]},
        },
    }
    recipe = {**LEAST, "augment": [{"step": "crop"}], "search": {"space": space}}
    assert validate_recipe(recipe).search is not None
    space["augment.0.padding"] = {"integers": [0, 4], "when": {"augment.0.step": "crop"}}
    with pytest.raises(InputError, match=r"search\.space\.augment\.0\.padding: must be at least 1, but got 0"):
        validate_recipe(recipe)

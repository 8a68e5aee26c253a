"""Loading: recipes are read from YAML and overridden by dotted paths; searches are checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recipes import LEAST, write_recipe

from flows.recipe.loading import load_recipe, validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import InputError
from tasks.techniques import Int8

SHIPPED = sorted(Path(__file__).parents[2].joinpath("conf").glob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_recipe_is_valid_and_says_its_command(file: Path) -> None:
    recipe = load_recipe(file)
    assert file.read_text().startswith(f"# paredown optimize conf/{file.name}")
    assert validate_recipe(recipe.model_dump(mode="json")) == recipe


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path))
    assert recipe == Recipe.model_validate(LEAST)
    assert (recipe.goal.metric, recipe.goal.max_drop, recipe.goal.minimize) == ("accuracy", 0.01, "latency")
    assert (recipe.search, recipe.compress) == (None, None)


def test_overrides_reach_into_sections_and_lists(tmp_path: Path) -> None:
    steps = [{"step": "channels", "sparsity": 0.5}]
    file = write_recipe(tmp_path, compress={"branches": [{"name": "a", "steps": steps}]})
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
    assert load_recipe(write_recipe(tmp_path), ["train.epochs=3", "train.epochs=4"]).train.epochs == 4


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


def test_no_preprocessing_is_said_in_one_word(tmp_path: Path) -> None:
    own = load_recipe(write_recipe(tmp_path, preprocess="none"))
    assert [step.step for step in own.preprocess] == ["none"]
    assert validate_recipe(own.model_dump(mode="json")) == own
    model = {"model": {"file": "model.onnx"}, "preprocess": "none"}
    assert load_recipe(write_recipe(tmp_path, **model)).preprocess == ()


@pytest.mark.parametrize(
    ("model", "unit"), [({}, "standardized"), ({"weights": "a.pt"}, "data"), ({"file": "a.onnx"}, "data")]
)
def test_what_others_trained_answers_in_the_data_s_unit(model: dict[str, str], unit: str, tmp_path: Path) -> None:
    assert load_recipe(write_recipe(tmp_path, model=model)).target_unit == unit

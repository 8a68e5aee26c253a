"""A recipe's factory that gives an estimator, and a booster as its file, become the family `own`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import mixed_tables, own_models
from support.datasets import unread_pictures

from flows.pipeline.simple.own_models import keep_columns, own_words, settle_model
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import Column, Dataset, InputError, digest_of
from tasks.models.estimators.booster_files import READER

MODULE = "support.own_models"


def recipe_of(model: dict[str, Any], **more: Any) -> Recipe:
    return validate_recipe({"name": "x", "data": {"source": "t.csv", "target": "y"}, "model": model, **more})


def booster(folder: Path) -> str:
    rows = own_models.user_rows(mixed_tables.mixed_table(200, 3))[["a_b", "t1"]]
    return own_models.lightgbm_file(folder / "m.txt", rows, rows["a_b"], objective="regression")


def test_a_factory_of_trees_gets_smaller_forms_as_branches() -> None:
    settled = settle_model(recipe_of({"factory": f"{MODULE}:forest"}))
    assert (settled.model.family, settled.model.form) == ("own", "onnx")
    assert settled.compress is not None
    assert [branch.name for branch in settled.compress.branches][:2] == ["fewer-trees", "fewest-trees"]
    assert settle_model(settled) == settled
    assert own_words(settled) == f"fit estimator {MODULE}:forest (RandomForestClassifier)"


@pytest.mark.parametrize("factory", ["tasks.architectures:mlp", f"{MODULE}:broken", f"{MODULE}:a_text", "no.such:one"])
def test_all_other_factories_stay(factory: str) -> None:
    recipe = recipe_of({"factory": factory})
    assert settle_model(recipe) == recipe
    assert own_words(recipe) == ""


def test_a_booster_is_read_by_its_reader(tmp_path: Path) -> None:
    file = booster(tmp_path)
    settled = settle_model(recipe_of({"file": file}))
    assert (settled.model.family, settled.model.factory, settled.model.file) == ("own", READER, None)
    assert own_words(settled) == f"load estimator {file} (LightGBM, as it is)"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"model": {"factory": f"{MODULE}:forest", "weights": "w.pt"}},
            r"model\.weights: must be left out: .*loads it",
        ),
        ({"train": {"epochs": 3}}, "train: must be left out"),
        ({"compress": {"branches": [{"name": "a", "steps": [{"step": "channels"}]}]}}, "needs a torch network"),
    ],
)
def test_parts_that_suit_networks_only(more: dict[str, Any], message: str) -> None:
    recipe = recipe_of(**{"model": {"factory": f"{MODULE}:forest"}, **more})
    with pytest.raises(InputError, match=message):
        settle_model(recipe)


def table_of(*names: str) -> Dataset:
    columns = tuple(Column(name, "number") for name in names)
    return Dataset("t.csv", "table", "regression", (len(names),), "columns", columns, (), {}, (), digest_of("t"))


def test_columns_that_a_fitted_estimator_does_not_take_are_left_out(tmp_path: Path) -> None:
    settled = settle_model(recipe_of({"file": booster(tmp_path)}))
    kept = keep_columns(settled, table_of("t1", "other", "a_b"))
    assert [column.name for column in kept.columns] == ["t1", "a_b"]
    with pytest.raises(InputError, match=r"m\.txt: model\.file: is a model that was fitted on a column .* 'a_b'"):
        keep_columns(settled, table_of("t1", "other"))
    unfitted = settle_model(recipe_of({"factory": f"{MODULE}:forest"}))
    assert len(keep_columns(unfitted, table_of("t1", "other")).columns) == 2
    assert keep_columns(settled, unread_pictures().dataset).columns == ()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"family": "own"}, "needs model.factory"),
        ({"family": "own", "factory": "m:f", "balanced": True}, "its estimator says it"),
        ({"family": "lightgbm", "factory": "m:f"}, "must be left out beside model.family"),
    ],
)
def test_the_family_own_is_a_factory(model: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe_of(model)

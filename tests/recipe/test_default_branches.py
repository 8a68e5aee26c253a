"""The branches of a recipe that names none."""

from __future__ import annotations

from typing import Any

import pytest
from support import network_ensembles

from flows.pipeline.branches import control_branches
from flows.recipe.default_branches import branches_of, settings_of, smaller_fits
from flows.recipe.schema import Recipe
from tasks.models.estimators.families import FAMILIES
from tasks.models.model_spec import ModelSpec
from tasks.training.simple.fit_spec import Fit
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec


def recipe_of(**model: Any) -> Recipe:
    return Recipe.model_validate({"name": "a", "data": {"source": "a.csv"}, "model": model})


def test_a_simple_model_is_fitted_anew_on_fewer_columns_and_with_shallower_trees() -> None:
    branches = {each.name: each for each in branches_of(recipe_of(family="lightgbm", monotone={"x": 1})).branches}
    assert list(branches) == [
        "fewer-trees",
        "fewest-trees",
        "fewer-trees-leaves",
        "linear",
        "half-columns",
        "shallower-trees",
    ]
    [half], [shallow] = branches["half-columns"].steps, branches["shallower-trees"].steps
    assert isinstance(half, Fit)
    assert isinstance(shallow, Fit)
    assert (half.features, half.monotone, half.arguments) == (0.5, {"x": 1}, {})
    assert (shallow.features, shallow.monotone, shallow.arguments) == (None, {"x": 1}, {"num_leaves": 15})


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.shallow])
def test_shallower_trees_are_arguments_of_the_family(family: str) -> None:
    from tasks.models.estimators.construction import build_estimator
    from tasks.models.estimators.families import ModelSetting

    arguments = FAMILIES[family].shallow
    known = build_estimator(FAMILIES[family], ModelSetting("regression", arguments), 100).get_params()
    assert {name: known[name] for name in arguments} == arguments


def test_what_the_recipe_says_itself_is_no_branch() -> None:
    model = ModelSpec(family="lightgbm", features=3, arguments={"num_leaves": 7})
    assert smaller_fits(model, 0) == ()
    assert [each.name for each in smaller_fits(ModelSpec(family="linear"), 0)] == ["half-columns"]
    assert smaller_fits(ModelSpec(family="auto"), 0) == ()


@pytest.mark.parametrize("family", ["mlp", "embedding_mlp"])
def test_a_network_of_a_family_has_the_branches_of_networks(family: str) -> None:
    names = [each.name for each in branches_of(recipe_of(family=family)).branches]
    assert names == ["int8", "shallow-int8", "narrow", "low-rank", "narrow-int8"]


def test_default_branches_teach_the_first_member_again() -> None:
    branches = branches_of(
        network_ensembles.recipe_of(
            {"members": [{"factory": "nets:a", "arguments": network_ensembles.SMALL}, {"factory": "nets:b"}]}
        )
    )
    assert [branch.name for branch in branches.branches] == ["int8", "student", "student-int8"]
    student = branches.branches[1].steps[0]
    assert isinstance(student, Distill)
    assert (student.factory, student.arguments, student.epochs, student.compare) == (
        "nets:a",
        network_ensembles.SMALL,
        2,
        True,
    )
    # The training of the recipe, not the defaults of `distill`.
    assert (student.learning_rate, student.batch_size, student.schedule) == (0.01, 64, "cosine")
    assert [branch.name for branch in control_branches(branches.branches)] == [
        *("untaught student", "untaught student-int8"),
    ]


def test_a_rate_that_a_range_test_chooses_is_left_to_the_student() -> None:
    assert settings_of(TrainSpec(learning_rate="auto", optimizer="sgd", minutes=2)) == {
        "optimizer": "sgd",
        "schedule": "cosine",
    }
    assert settings_of(TrainSpec(optimizer="muon", precision="auto", schedule="one_cycle", seed=3)) == {
        "optimizer": "muon",
        "learning_rate": 0.01,
        "precision": "auto",
        "seed": 3,
    }

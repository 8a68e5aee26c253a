"""The families by name, and what each needs."""

from __future__ import annotations

import pytest

from tasks.core import InputError
from tasks.models.estimators.families import FAMILIES, family_named


def test_trees_are_never_scaled_and_linear_models_are() -> None:
    assert list(FAMILIES) == ["linear", "random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost", "knn"]
    assert {name for name, family in FAMILIES.items() if family.scaled} == {"linear", "knn"}
    assert {name for name, family in FAMILIES.items() if not family.imputed} == {"hist_boosting", "lightgbm", "xgboost"}
    assert {name for name, family in FAMILIES.items() if family.rounds} == {"hist_boosting", "lightgbm", "xgboost"}


def test_leaves_of_forests_grow_with_the_table() -> None:
    defaults = FAMILIES["random_forest"].defaults
    assert [defaults("regression", rows)["min_samples_leaf"] for rows in (100, 10_000, 30_000)] == [1, 4, 12]


def test_an_unknown_family_has_a_nearest_one() -> None:
    assert family_named("knn").label == "nearest neighbours"
    with pytest.raises(InputError, match=r"model.family: must be one of linear, .*'lightgmb'; nearest.*: lightgbm"):
        family_named("lightgmb")

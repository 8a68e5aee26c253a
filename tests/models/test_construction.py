"""Arguments are those of the library; what a family cannot do is said before anything is fitted."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core import InputError
from tasks.models.estimators.construction import build_estimator
from tasks.models.estimators.families import FAMILIES, ModelSetting


def built(family: str, **asked: Any) -> dict[str, Any]:
    setting = ModelSetting(**{"task": "regression", "seed": 7, **asked})
    return dict(build_estimator(FAMILIES[family], setting, rows=1000).get_params())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_family_has_the_seed_and_the_threads(family: str, task: str) -> None:
    found = built(family, task=task)
    assert found.get("random_state", 7) == 7
    assert found.get("n_jobs") in (None, 1)


def test_arguments_go_before_defaults() -> None:
    assert built("lightgbm")["n_estimators"] == 100
    assert built("lightgbm", arguments={"n_estimators": 5})["n_estimators"] == 5
    assert built("random_forest", arguments={"max_depth": 3})["max_depth"] == 3


def test_lightgbm_takes_its_own_names() -> None:
    found = built("lightgbm", arguments={"num_iterations": 5, "lambda_l1": 0.5, "max_bin": 63})
    assert (found["n_estimators"], found["reg_alpha"], found["max_bin"]) == (5, 0.5, 63)
    assert "lambda_l1" not in found


@pytest.mark.parametrize(
    ("family", "name", "said"),
    [
        ("lightgbm", "num_leafs", "LightGBM has no argument `num_leafs`; nearest valid choice: num_leaves"),
        ("random_forest", "max_dept", "nearest valid choice: max_depth"),
        ("xgboost", "eta_", "XGBoost has no argument"),
        ("hist_boosting", "categorical_features", "set by the steps of `preprocess`"),
        ("lightgbm", "random_seed", "set by train.seed"),
        ("linear", "n_jobs", "set by the number of threads"),
    ],
)
def test_arguments_that_are_none(family: str, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        built(family, arguments={name: 1})
    assert str(caught.value).startswith(f"model.arguments.{name}: " if name != "random_seed" else "model.arguments.")
    assert said in str(caught.value)


@pytest.mark.parametrize("family", ["linear", "hist_boosting", "lightgbm", "xgboost"])
def test_quantiles(family: str) -> None:
    assert 0.9 in built(family, quantile=0.9).values()


@pytest.mark.parametrize(
    ("family", "asked", "said"),
    [
        ("knn", {"quantile": 0.9}, "these can: linear, hist_boosting, lightgbm, xgboost"),
        ("lightgbm", {"quantile": 0.9, "task": "classification"}, "only a regression"),
        ("lightgbm", {"quantile": 1.5}, "between 0 and 1"),
        ("linear", {"monotone": {"age": 1}}, "these can: hist_boosting, lightgbm, xgboost"),
        ("knn", {"is_balanced": True, "task": "classification"}, "cannot weigh classes"),
    ],
)
def test_what_a_family_cannot_do(family: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        built(family, **asked)


def test_validation_data_stop_the_rounds() -> None:
    setting = ModelSetting("regression")
    found = {n: build_estimator(FAMILIES[n], setting, 1000, stops=True).get_params() for n in FAMILIES}
    assert (found["lightgbm"]["n_estimators"], found["hist_boosting"]["max_iter"]) == (1000, 1000)
    assert found["hist_boosting"]["early_stopping"] is True
    assert found["xgboost"]["early_stopping_rounds"] == 50
    assert found["random_forest"]["n_estimators"] == 100

"""Families: the kinds of simple models, what each needs of its features, and what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from tasks.core import InputError
from tasks.core.errors import nearest_choice

Task = Literal["classification", "regression"]
PATIENCE = 50
"""Rounds without a better loss on the validation data after which boosting stops."""


@dataclass(frozen=True)
class ModelSetting:
    """What is asked of a simple model, whatever its family."""

    task: Task
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the library, by its own names; they go before the family's defaults."""
    seed: int = 0
    threads: int = 1
    is_balanced: bool = False
    """Whether every class counts as much as every other, however rare it is."""
    quantile: float | None = None
    """Of a regression: the quantile that is predicted in place of the mean."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Number column → 1 where the answer may only rise with it, -1 where it may only fall."""
    rounds: int | None = None
    """Rounds of boosting, which nothing stops early; they go before the arguments. None: what those say."""


@dataclass(frozen=True)
class Family:
    """A kind of simple model."""

    name: str
    label: str
    """What it is called in reports."""
    classes: Mapping[str, str]
    """Task, or `quantile` → the class, as `module:name`."""
    defaults: Callable[[Task, int], Mapping[str, Any]]
    """(task, rows of training) → arguments that differ from the library's."""
    encoding: Literal["one_hot", "ordinal"]
    """How text becomes numbers for it."""
    scaled: bool
    """Whether it needs scaled numbers; trees must not get them, or a graph may decide otherwise at a threshold."""
    imputed: bool
    """Whether missing numbers must be filled in; boosted trees take them as they are."""
    is_weighed: bool = True
    """Whether it takes weights of examples, and so balanced classes."""
    monotone: str | None = None
    """The argument for monotone columns; None where it can not do that."""
    quantile: Callable[[float], Mapping[str, Any]] | None = None
    """The arguments for a quantile; None where it predicts none."""
    shallow: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for shallower trees; empty where there are none."""
    rounds: tuple[str, int] | None = None
    """The argument for the number of rounds, and how many are tried where validation data stop them; None where
    nothing stops early."""


def _linear_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    return {"max_iter": 1000} if task == "classification" else {}


def _forest_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    """Leaves grow with the table, so that a file stays at some megabytes."""
    least = max(1, round(rows / 2500))
    return {"n_estimators": 100, "min_samples_leaf": least, "max_features": "sqrt" if task == "classification" else 0.7}


def _hist_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    return {"learning_rate": 0.1, "max_iter": 100, "early_stopping": False}


def _lightgbm_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    return {"learning_rate": 0.1, "n_estimators": 100, "min_child_samples": _least_in_leaf(rows)} | _LIGHTGBM


def _xgboost_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    return {"learning_rate": 0.1, "n_estimators": 100, "max_depth": 6, "tree_method": "hist"}


def _neighbor_defaults(task: Task, rows: int) -> Mapping[str, Any]:
    return {"n_neighbors": 10}


def _least_in_leaf(rows: int) -> int:
    """Few rows leave no room for leaves of 20."""
    return 20 if rows >= 2000 else 10 if rows >= 500 else 5


_LIGHTGBM = MappingProxyType({"deterministic": True, "force_row_wise": True, "verbosity": -1, "colsample_bytree": 0.9})
_LINEAR, _TREES = "sklearn.linear_model", "sklearn.ensemble"

FAMILIES: Mapping[str, Family] = {
    each.name: each
    for each in (
        Family(
            "linear",
            "linear model",
            {
                "classification": f"{_LINEAR}:LogisticRegression",
                "regression": f"{_LINEAR}:Ridge",
                "quantile": f"{_LINEAR}:QuantileRegressor",
            },
            _linear_defaults,
            "one_hot",
            scaled=True,
            imputed=True,
            quantile=lambda share: {"quantile": share, "alpha": 1e-4},
        ),
        Family(
            "random_forest",
            "random forest",
            {"classification": f"{_TREES}:RandomForestClassifier", "regression": f"{_TREES}:RandomForestRegressor"},
            _forest_defaults,
            "ordinal",
            scaled=False,
            imputed=True,
            shallow={"max_depth": 8},
        ),
        Family(
            "extra_trees",
            "extremely randomized trees",
            {"classification": f"{_TREES}:ExtraTreesClassifier", "regression": f"{_TREES}:ExtraTreesRegressor"},
            _forest_defaults,
            "ordinal",
            scaled=False,
            imputed=True,
            shallow={"max_depth": 8},
        ),
        Family(
            "hist_boosting",
            "histogram gradient boosting",
            {
                "classification": f"{_TREES}:HistGradientBoostingClassifier",
                "regression": f"{_TREES}:HistGradientBoostingRegressor",
            },
            _hist_defaults,
            "ordinal",
            scaled=False,
            imputed=False,
            monotone="monotonic_cst",
            quantile=lambda share: {"loss": "quantile", "quantile": share},
            shallow={"max_leaf_nodes": 15},
            rounds=("max_iter", 1000),
        ),
        Family(
            "lightgbm",
            "LightGBM",
            {"classification": "lightgbm:LGBMClassifier", "regression": "lightgbm:LGBMRegressor"},
            _lightgbm_defaults,
            "ordinal",
            scaled=False,
            imputed=False,
            monotone="monotone_constraints",
            quantile=lambda share: {"objective": "quantile", "alpha": share},
            shallow={"num_leaves": 15},
            rounds=("n_estimators", 1000),
        ),
        Family(
            "xgboost",
            "XGBoost",
            {"classification": "xgboost:XGBClassifier", "regression": "xgboost:XGBRegressor"},
            _xgboost_defaults,
            "ordinal",
            scaled=False,
            imputed=False,
            monotone="monotone_constraints",
            quantile=lambda share: {"objective": "reg:quantileerror", "quantile_alpha": share},
            shallow={"max_depth": 4},
            rounds=("n_estimators", 1000),
        ),
        Family(
            "knn",
            "nearest neighbours",
            {
                "classification": "sklearn.neighbors:KNeighborsClassifier",
                "regression": "sklearn.neighbors:KNeighborsRegressor",
            },
            _neighbor_defaults,
            "one_hot",
            scaled=True,
            imputed=True,
            is_weighed=False,
        ),
    )
}
"""Name → family."""


def family_named(name: str) -> Family:
    """The family of a name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    law = f"must be one of {', '.join(FAMILIES)}"
    raise InputError(law, path="model.family", value=name, nearest=nearest_choice(name, FAMILIES))

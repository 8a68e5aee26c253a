"""What a table's owner does without Paredown: scikit-learn's and LightGBM's models, as they are and tuned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

FEW, FOLDS = 2000, 5
"""Below FEW rows models are compared in FOLDS folds, otherwise on a fifth of them."""
Score = Callable[[NDArray[Any], pd.Series], float]
"""(answers, targets) → how good they are; higher is better."""
Choice = tuple[str, dict[str, Any]]
"""A kind of model and its arguments."""
DEFAULTS: tuple[Choice, ...] = (("lightgbm", {}), ("hist_boosting", {}), ("random_forest", {}), ("linear", {}))


def default_model(train: pd.DataFrame, target: str, task: str, by: str, score: Score) -> tuple[Pipeline, str]:
    """The best on held rows of four models as their libraries make them, fitted on all rows, and its name."""
    best = max(DEFAULTS, key=lambda choice: held_score(choice, train, target, task, by, score))
    return fitted(best, train, target, task), best[0]


def tuned_model(
    train: pd.DataFrame, target: str, task: str, by: str, score: Score, seconds: float
) -> tuple[Pipeline, str]:
    """The best of a random search that begins with the defaults and spends its seconds; fitted on all rows."""
    best, found, tries, started = DEFAULTS[0], -np.inf, 0, time.monotonic()
    for choice in (choice for source in (iter(DEFAULTS), draws()) for choice in source):
        if tries and time.monotonic() - started > seconds:
            break
        value = held_score(choice, train, target, task, by, score)
        tries += 1
        if value > found:
            best, found = choice, value
    return fitted(best, train, target, task), f"{best[0]}, best of {tries}"


def draws() -> Iterator[Choice]:
    """Models with random arguments, without end."""
    rng = np.random.default_rng(0)
    while True:
        kind = str(rng.choice(["lightgbm", "lightgbm", "hist_boosting", "random_forest", "linear"]))
        rate, leaves = float(10 ** rng.uniform(-2, -0.5)), int(2 ** rng.uniform(2.5, 7.5))
        trees, least = int(2 ** rng.uniform(5, 10)), int(2 ** rng.uniform(1, 6.5))
        share = float(rng.uniform(0.4, 1.0))
        arguments: dict[str, dict[str, Any]] = {
            "lightgbm": {
                "learning_rate": rate,
                "num_leaves": leaves,
                "n_estimators": trees,
                "min_child_samples": least,
                "colsample_bytree": share,
                "reg_lambda": float(10 ** rng.uniform(-3, 1.5)),
            },
            "hist_boosting": {
                "learning_rate": rate,
                "max_leaf_nodes": leaves,
                "max_iter": trees,
                "min_samples_leaf": least,
                "l2_regularization": float(10 ** rng.uniform(-3, 1.5)),
            },
            "random_forest": {"n_estimators": min(trees, 300), "min_samples_leaf": max(1, least // 8)}
            | {"max_features": share},
            "linear": {"strength": float(10 ** rng.uniform(-3, 3))},
        }
        yield kind, arguments[kind]


def held_score(choice: Choice, train: pd.DataFrame, target: str, task: str, by: str, score: Score) -> float:
    """The score on rows that the model was not fitted on: the last fifth in time, or as FEW says."""
    values = []
    for fit, held in _parts(train, target, task, by):
        model = fitted(choice, train.iloc[fit], target, task)
        rows = train.iloc[held]
        values.append(score(answers_of(model, rows.drop(columns=target)), rows[target]))
    return float(np.mean(values))


def _parts(train: pd.DataFrame, target: str, task: str, by: str) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    if by == "time":
        start = round(0.8 * len(train))
        return [(np.arange(start), np.arange(start, len(train)))]
    kind: Any = StratifiedKFold if task == "classification" else KFold
    parts = list(kind(FOLDS, shuffle=True, random_state=0).split(train, train[target]))
    return parts if len(train) < FEW else parts[:1]


def answers_of(model: Pipeline, rows: pd.DataFrame) -> NDArray[Any]:
    """Probabilities (rows, classes), or predictions (rows,)."""
    return np.asarray(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))


def fitted(choice: Choice, train: pd.DataFrame, target: str, task: str) -> Pipeline:
    """A pipeline for numbers and text with this model, fitted on one thread."""
    kind, arguments = choice
    is_class = task == "classification"
    numbers = make_column_selector(dtype_include="number")
    texts = make_column_selector(dtype_exclude="number")
    impute: Any = SimpleImputer() if kind in ("linear", "random_forest") else "passthrough"
    encode: Any = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    if kind == "linear":
        impute, encode = make_pipeline(impute, StandardScaler()), OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", impute, numbers), ("texts", encode, texts)])
    model = Pipeline([("columns", columns), ("model", _model(kind, arguments, is_class))])
    return model.fit(train.drop(columns=target), train[target])


def _model(kind: str, arguments: dict[str, Any], is_class: bool) -> Any:
    if kind == "linear":
        strength = arguments.get("strength", 1.0)
        return LogisticRegression(C=strength, max_iter=1000) if is_class else Ridge(alpha=1 / strength)
    if kind == "lightgbm":
        kinds: Any = (lightgbm.LGBMRegressor, lightgbm.LGBMClassifier)
        return kinds[is_class](**arguments, n_jobs=1, random_state=0, verbosity=-1)
    if kind == "hist_boosting":
        kinds = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
        return kinds[is_class](**arguments, random_state=0)
    kinds = (RandomForestRegressor, RandomForestClassifier)
    return kinds[is_class](**arguments, n_jobs=1, random_state=0)

"""Factories of estimators, as a user's module has them, and files of boosters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

FITTED: dict[str, Any] = {}
"""Estimators that `fitted` gives, by name."""


def columns_pipeline(c: float = 1.0, numbers: bool = False) -> Pipeline:
    """A Pipeline that prepares the raw columns itself; of numbers, it is a regression."""
    amounts = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = ColumnTransformer(
        [
            ("numbers", amounts, make_column_selector(dtype_include=np.number)),
            ("texts", texts, make_column_selector(dtype_exclude=np.number)),
        ]
    )
    return make_pipeline(columns, Ridge() if numbers else LogisticRegression(C=c))


def forest(trees: int = 9) -> RandomForestClassifier:
    return RandomForestClassifier(trees, min_samples_leaf=3, n_jobs=-1)


def logistic() -> LogisticRegression:
    return LogisticRegression()


def stack() -> StackingClassifier:
    members = [("trees", RandomForestClassifier(5)), ("line", make_pipeline(StandardScaler(), LogisticRegression()))]
    return StackingClassifier(members, cv=3)


def scaled() -> Pipeline:
    """A Pipeline that takes numbers only."""
    return make_pipeline(StandardScaler(), LogisticRegression())


def spline() -> Pipeline:
    numbers = make_pipeline(SimpleImputer(), SplineTransformer())
    return make_pipeline(ColumnTransformer([("numbers", numbers, ["a_b", "t1"])]), LogisticRegression())


def absent() -> Pipeline:
    """A Pipeline that asks for a column that no table has."""
    return make_pipeline(ColumnTransformer([("numbers", "passthrough", ["nowhere"])]), LogisticRegression())


def broken() -> Any:
    raise RuntimeError("no such thing")


def a_text() -> str:
    return "hello"


def fitted(key: str) -> Any:
    return FITTED[key]


def user_rows(table: pd.DataFrame) -> pd.DataFrame:
    """A table as its user had it: 64 bits, and NaN where text is missing."""
    found = table.copy()
    for name in found.columns:
        is_number = found[name].dtype.kind == "f"
        found[name] = found[name].astype(float) if is_number else found[name].astype(object).replace("", np.nan)
    return found


def lightgbm_file(path: Path, rows: pd.DataFrame, targets: Any, **settings: Any) -> str:
    """Fits a booster of 20 rounds and saves it as text; columns of text are pandas' categories. The path."""
    import lightgbm

    table = rows.copy()
    for name in table.columns:
        if table[name].dtype.kind != "f":
            table[name] = pd.Categorical(table[name])
    asked = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, **settings}
    lightgbm.train(asked, lightgbm.Dataset(table, targets), num_boost_round=20).save_model(path)
    return str(path)

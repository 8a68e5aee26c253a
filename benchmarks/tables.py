"""Tables for the benchmark of simple models: each in splits of train and test, as files and as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

TEST = 0.2
"""Share of the rows that is the test of a random split."""
ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
)


@dataclass(frozen=True)
class Table:
    """A table and how it is judged."""

    name: str
    target: str
    metric: Literal["roc_auc", "accuracy", "mae", "rmse"]
    read: Callable[[Path], pd.DataFrame]
    by: Literal["random", "time"] = "random"
    """`time`: the rows are in order, and a test comes after all of its training data."""

    @property
    def task(self) -> Literal["classification", "regression"]:
        """What is predicted."""
        return "regression" if self.metric in ("mae", "rmse") else "classification"


@dataclass(frozen=True)
class Parts:
    """One split of a table."""

    number: int
    train: pd.DataFrame
    test: pd.DataFrame


def splits_of(table: Table, frame: pd.DataFrame, count: int) -> Iterator[Parts]:
    """Splits by seeds 0, 1, …, or, in time, tests of a tenth of the rows that begin at 50, 60, … per cent of them."""
    for number in range(count):
        if table.by == "time":
            start, end = (round(share * len(frame)) for share in (0.5 + number / 10, 0.6 + number / 10))
            yield Parts(number, frame.iloc[:start], frame.iloc[start:end])
        else:
            is_test = _is_test(frame[table.target], table.task, number)
            yield Parts(number, frame[~is_test], frame[is_test])


def _is_test(targets: pd.Series, task: str, seed: int) -> NDArray[np.bool_]:
    """A random fifth, of each class in its share."""
    order = np.random.default_rng(seed).permutation(len(targets))
    is_test = np.zeros(len(targets), dtype=bool)
    names = targets.to_numpy() if task == "classification" else np.zeros(len(targets))
    for name in np.unique(names[order]):
        rows = order[names[order] == name]
        is_test[rows[: round(TEST * len(rows))]] = True
    return is_test


def _adult(folder: Path) -> pd.DataFrame:
    parts = [
        pd.read_csv(folder / "adult" / name, names=list(ADULT), skipinitialspace=True, na_values="?")
        for name in ("adult.data", "adult.test")
    ]
    return pd.concat(parts, ignore_index=True)


def _bike_sharing(folder: Path) -> pd.DataFrame:
    frame = pd.read_csv(folder / "bike_sharing" / "hour.csv")
    return frame.drop(columns=["instant", "dteday", "casual", "registered"])


def _shipped(load: Callable[..., object]) -> Callable[[Path], pd.DataFrame]:
    """A reader of a set that scikit-learn ships."""

    def read(folder: Path) -> pd.DataFrame:
        frame: pd.DataFrame = load(as_frame=True).frame  # type: ignore[attr-defined]
        return frame

    return read


TABLES = (
    Table("adult", "income", "roc_auc", _adult),
    Table("bike_sharing", "cnt", "mae", _bike_sharing, by="time"),
    Table(
        "california_housing",
        "median_house_value",
        "rmse",
        lambda folder: pd.read_csv(folder / "california_housing" / "housing.csv"),
    ),
    Table("elec2", "class", "roc_auc", lambda folder: pd.read_csv(folder / "elec2" / "elec.csv"), by="time"),
    Table("breast_cancer", "target", "roc_auc", _shipped(datasets.load_breast_cancer)),
    Table("wine", "target", "accuracy", _shipped(datasets.load_wine)),
    Table("digits", "target", "accuracy", _shipped(datasets.load_digits)),
    Table("iris", "target", "accuracy", _shipped(datasets.load_iris)),
    Table("diabetes", "target", "rmse", _shipped(datasets.load_diabetes)),
)

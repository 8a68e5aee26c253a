"""Data profile: what was understood of tables and images, as the plan and the report tell it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import datasets

from flows.results import data_profile
from tasks.core import Dataset, Store

NUMBER = {
    "kind": "number",
    "becomes": "a number",
    "distinct": 1466,
    "min": -6.5,
    "max": 76.8,
    "median": 30,
    "missing": 0,
}
TABLE: dict[str, Any] = {
    "columns": [
        {**NUMBER, "name": "age"},
        {"name": "uid", "kind": "text", "becomes": "left out, because it is an id", "distinct": 2000, "missing": 3},
        {"name": "town", "kind": "text", "becomes": "one-hot of its 3 categories", "distinct": 3, "missing": 0},
    ],
    "suspicions": ["uid left out: it is an id; data.types: {uid: text} keeps it."],
}
IMAGES: dict[str, Any] = {
    "sizes": {"different": 3, "widths": [30, 48], "heights": [40, 48], "most_frequent": [48, 48]},
    "becomes": {"width": 32, "height": 32, "channels": 3, "type": "uint8", "resized": 7},
    "modes": {"RGB": 60, "L": 1200},
    "values": [0.0, 255.0],
    "passed_over": {".heic": 1200, ".txt": 1},
    "suspicions": [],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def pictured(store: Store, counts: tuple[int, ...], profile: dict[str, Any] | None = None) -> Dataset:
    targets = np.repeat(np.arange(len(counts)), counts)
    splits: Any = {name: (np.zeros((len(targets), 2), np.float32), targets) for name in datasets.ORDER}
    found = datasets.array_set(store, splits, classes=len(counts))
    return replace(found, profile=store.put_json(profile) if profile else "")


def test_a_line_for_each_column() -> None:
    assert data_profile.column_lines(TABLE) == [
        "age: a number, 1,466 different, -6.5 to 76.8, median 30",
        "uid: text, left out, because it is an id, 2,000 different, 3 missing",
        "town: one-hot of its 3 categories, 3 different",
    ]


def test_many_columns_are_counted() -> None:
    many = {"columns": [{**NUMBER, "name": f"c{index}"} for index in range(data_profile.COLUMNS + 5)]}
    lines = data_profile.column_lines(many)
    assert (len(lines), lines[-1]) == (data_profile.COLUMNS + 1, "and 5 more columns")


def test_images_and_what_was_passed_over() -> None:
    assert data_profile.image_lines(IMAGES) == [
        "found 30 to 48 × 40 to 48 pixels (60 RGB, 1,200 L); they become 32 × 32 × 3 uint8, values 0 to 255",
        "passed over: 1,200 .heic, 1 .txt",
    ]
    same = {
        **IMAGES,
        "sizes": {**IMAGES["sizes"], "different": 1, "widths": [8, 8], "heights": [9, 9]},
        "passed_over": {},
    }
    (line,) = data_profile.image_lines(same)
    assert line.startswith("found 8 × 9 pixels (")


def test_the_plan_and_the_report_tell_the_same(store: Store) -> None:
    dataset = pictured(store, (30, 10), TABLE)
    assert data_profile.profile_lines(dataset, store)[0] == "train classes: class 0 30, class 1 10"
    rows = data_profile.data_rows(dataset, store)
    assert rows["train classes"] == "class 0 30, class 1 10"
    assert rows["column age"] == "a number, 1,466 different, -6.5 to 76.8, median 30"
    assert data_profile.doubts(dataset, store, "accuracy") == TABLE["suspicions"]
    assert data_profile.profile_lines(pictured(store, (30, 10)), store) == ["train classes: class 0 30, class 1 10"]


@pytest.mark.parametrize(
    ("counts", "metric", "words"),
    [
        (
            (90, 10),
            "accuracy",
            "'class 0' is 90% of the train examples, so always answering it has an accuracy of 0.90",
        ),
        ((90, 5, 5), "accuracy", "goal.metric balanced_accuracy shows what accuracy hides"),
        ((90, 10), "roc_auc", None),
        ((60, 40), "accuracy", None),
    ],
)
def test_a_class_that_accuracy_hides(counts: tuple[int, ...], metric: str, words: str | None, store: Store) -> None:
    found = data_profile.metric_warning(pictured(store, counts), store, metric)
    assert (found is None) == (words is None)
    assert words is None or words in str(found)


def test_a_date_is_told_by_its_span_and_its_form() -> None:
    span = {"from": "2021-01-01", "to": "2021-12-31", "form": "%d/%m/%Y"}
    column = {"name": "when", "kind": "date", "becomes": "a date", "distinct": 9, "missing": 0, **span}
    told = ["a date", "9 different", "2021-01-01 to 2021-12-31", "written as %d/%m/%Y"]
    assert data_profile.column_words(column) == told

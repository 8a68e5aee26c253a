"""Splits that the data do not allow."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    ROWS,
    Make,
    csv,
    refusal,
)

BAD: dict[str, tuple[Make, str]] = {
    "too few of a class": (
        lambda p: {"source": csv(p, *ROWS, "1,a,maybe", "2,a,maybe"), "target": "left"},
        "data.source: class 'maybe' of {p}/a.csv must have at least 3 examples (train, validation, test), but got 2",
    ),
    "too few of a number": (
        lambda p: {"source": csv(p, *ROWS, "1,a,7", "2,a,7"), "target": "left"},
        "data.source: class '7' of {p}/a.csv must have at least 3 examples (train, validation, test); "
        "for numbers to be predicted as numbers, set data.task to regression, but got 2",
    ),
    "too few rows": (
        lambda p: {"source": csv(p, "1,a,0.5", "2,a,1.5"), "target": "left"},
        "data.source: {p}/a.csv must hold at least 3 examples (train, validation, test), but got 2",
    ),
    "unknown split column": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "time", "column": "aged"}},
        "data.split.column: must name a column of {p}/a.csv, but got 'aged'; nearest valid choice: age",
    ),
    "split column where there are none": (
        lambda p: {"source": "sklearn:digits", "split": {"by": "group", "column": "who"}},
        "data.split.column: a data set that scikit-learn ships has no columns, but got 'who'",
    ),
    "group without a column": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "group"}},
        "data.split.column: must name the column with the groups",
    ),
    "column without time or group": (
        lambda p: {"source": csv(p), "target": "left", "split": {"column": "age"}},
        "data.split.column: means nothing for a random split; set data.split.by to time or group, but got 'age'",
    ),
    "too few groups": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "group", "column": "job"}},
        "data.split.column: must name a column of {p}/a.csv with at least 3 groups (train, "
        "validation, test), "
        "but job has 2",
    ),
    "times that are none": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "time", "column": "job"}},
        "data.split.column: must name a column of {p}/a.csv with numbers or with dates of one form, but got 'job'",
    ),
    "time missing": (
        lambda p: {
            "source": csv(p, *ROWS, ",a,no"),
            "target": "left",
            "split": {"by": "time", "column": "age"},
        },
        "data.split.column: must name a column of {p}/a.csv with a value in every row, but 1 have none, "
        "the first is row 20, counted from 0",
    ),
    "class that train does not see": (
        lambda p: {
            "source": csv(p, *(f"{row},a,{'new' if row > 8 else row % 2}" for row in range(12))),
            "target": "left",
            "split": {"by": "time", "column": "age"},
        },
        "data.split: a split by time of {p}/a.csv leaves train without class 'new'",
    ),
    "nothing to train on": (
        lambda p: {"source": csv(p), "target": "left", "split": {"validation": 0.5, "test": 0.5}},
        "data.split: validation and test must leave something to train on, "
        "but got {{'validation': 0.5, 'test': 0.5}}; nearest valid choice: {{'validation': 0.2, "
        "'test': 0.2}}",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)

"""Data frames: columns that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    ROWS,
    Make,
    csv,
    parquet,
    refusal,
)

BAD: dict[str, tuple[Make, str]] = {
    "inf in a CSV": (
        lambda p: {"source": csv(p, *ROWS, "inf,a,no", "1e39,a,no"), "target": "left"},
        "data.source: numbers must be finite in float32 in {p}/a.csv, but 2 of 22 rows break this, "
        "the first is row 20, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "no column with a value": (
        lambda p: {"source": csv(p, "?,?,yes", ",,no"), "target": "left"},
        "data.source: {p}/a.csv must hold at least one input that says something (data.types keeps a column), "
        "but got 'age has no value; job has no value'",
    ),
    "times of day": (
        lambda p: {"source": csv(p, "12:30,a,yes", "22:35:10,b,no"), "target": "left"},
        "data.source: {p}/a.csv must hold no times of day without a date among its inputs, but got 'age 12:30'; "
        "nearest valid choice: data.drop: [age], or data.types: {{age: text}}",
    ),
    "dates of two meanings": (
        lambda p: {"source": csv(p, "3/4/2021,a,yes", "1/2/2021,b,no"), "target": "left"},
        "data.source: column 'age' of {p}/a.csv has two meanings: 3/4/2021 may be 2021-03-04 or 2021-04-03; "
        'nearest valid choice: data.dates: {{age: "%m/%d/%Y"}}, or data.dates: {{age: "%d/%m/%Y"}}',
    ),
    "a date that is none": (
        lambda p: {"source": csv(p, *(f"2021-02-{day:02},a,yes" for day in range(1, 30))), "target": "left"},
        "data.source: column 'age' of {p}/a.csv must hold dates in the form %Y-%m-%d, but row 28, counted from 0, does "
        "not, but got '2021-02-29'; nearest valid choice: data.types: {{age: text}}",
    ),
    "dates asked of other text": (
        lambda p: {"source": csv(p), "target": "left", "types": {"job": "date"}},
        "data.source: column 'job' of {p}/a.csv must hold dates in a form that is known, but got 'a'; "
        'nearest valid choice: data.dates: {{job: "%d/%m/%Y"}} with the form, or data.types: {{job: text}}',
    ),
    "a test file with other dates": (
        lambda p: {
            "source": csv(p, *["2023-01-05,a,yes", "2023-02-05,b,no"] * 10),
            "target": "left",
            "test": csv(p, "2023-01-05,a,yes", "05.01.2023,a,no", name="t.csv"),
        },
        "data.test: column 'age' of {p}/t.csv must hold dates in the form %Y-%m-%d, but row 1, counted from 0, does "
        "not, but got '05.01.2023'; nearest valid choice: data.types: {{age: text}}",
    ),
    "a date as the target": (
        lambda p: {"source": csv(p), "target": "left", "types": {"left": "date"}},
        "data.types.left: cannot be a date, but got 'date'; nearest valid choice: number, or text",
    ),
    "unknown column of dates": (
        lambda p: {"source": csv(p), "target": "left", "dates": {"ages": "seconds"}},
        "data.dates: must name a column of {p}/a.csv, but got 'ages'; nearest valid choice: age",
    ),
    "unknown column with a type": (
        lambda p: {"source": csv(p), "target": "left", "types": {"ages": "text"}},
        "data.types: must name a column of {p}/a.csv, but got 'ages'; nearest valid choice: age",
    ),
    "numbers asked of text": (
        lambda p: {"source": csv(p), "target": "left", "types": {"job": "number"}},
        "data.source: column 'job' of {p}/a.csv must hold numbers in one form, as the recipe asks, but got 'a'; "
        "nearest valid choice: data.types: {{job: text}}",
    ),
    "column of lists": (
        lambda p: {"source": parquet(p, x=[[1], [2]], y=[0, 1]), "target": "y"},
        "data.source: column 'x' of {p}/a.parquet must hold numbers or text (data.drop leaves it out), "
        "but got 'ndarray'",
    ),
    "test file without a column": (
        lambda p: {
            "source": csv(p),
            "target": "left",
            "test": csv(p, "1,no", header="age,left", name="t.csv"),
        },
        "data.test: {p}/t.csv must have the column 'job', as the training data have; nearest valid choice: age",
    ),
    "test file with text for numbers": (
        lambda p: {"source": csv(p), "target": "left", "test": csv(p, "old,a,no", name="t.csv")},
        "data.test: column 'age' of {p}/t.csv must hold numbers, as it does in data.source, but got 'old'",
    ),
    "unknown column to drop": (
        lambda p: {"source": csv(p), "target": "left", "drop": ("jobs",)},
        "data.drop: must name a column of {p}/a.csv, but got 'jobs'; nearest valid choice: job",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)

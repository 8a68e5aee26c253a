"""Targets that are absent, or that nothing can be learnt from."""

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
    "target column absent": (
        lambda p: {"source": csv(p), "target": "lefts"},
        "data.target: must name a column of {p}/a.csv, but got 'lefts'; nearest valid choice: left",
    ),
    "no target for a table": (
        lambda p: {"source": csv(p)},
        "data.target: must name the target column of {p}/a.csv; its columns are age, job, left",
    ),
    "one class": (
        lambda p: {"source": csv(p, "1,a,yes", "2,b,yes", "3,a,yes"), "target": "left"},
        "data.source: targets of {p}/a.csv must differ, but all are 'yes'",
    ),
    "NaN target": (
        lambda p: {"source": csv(p, *ROWS, "1,a,", "1,a,?"), "target": "left"},
        "data.target: targets must be present and finite in {p}/a.csv, but 2 of 22 rows break this, "
        "the first is row 20, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "unknown class in the test file": (
        lambda p: {"source": csv(p), "target": "left", "test": csv(p, "1,a,yess", name="t.csv")},
        "data.test: classes of the test part must be among those of train, but got 'yess'; nearest valid choice: yes",
    ),
    "regression of text": (
        lambda p: {"source": csv(p), "target": "left", "task": "regression"},
        "data.source: column 'left' of {p}/a.csv must hold numbers in one form, as the recipe asks, but got 'yes'; "
        "nearest valid choice: data.task: classification",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)

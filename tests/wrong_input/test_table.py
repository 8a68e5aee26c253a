"""Wrong input: tables as people bring them, and settings of simple models that do not suit them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.wrong_input import Row, check_plan

FITS = {"data": {"source": "people.csv", "target": "left"}}


def people(rows: int = 120) -> pd.DataFrame:
    """Numbers, text, a date and two classes."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "city": rng.choice(["Bonn", "Ulm"], rows),
            "joined": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "left": rng.choice(["no", "yes"], rows),
        }
    )


def write(**changes: object) -> None:
    """The people, with other columns or single cells (`{row: value}`)."""
    frame = people()
    for name, value in changes.items():
        if isinstance(value, dict):
            cells = frame[name].astype(object)
            for row, cell in value.items():
                cells[row] = cell
            frame[name] = cells
        else:
            frame[name] = value
    frame.to_csv("people.csv", index=False)


ROWS = {
    "a date that cannot be parsed": Row(
        "a.yaml: data.source: column 'joined' of people.csv must hold dates in the form %Y-%m-%d, but row 7, counted "
        "from 0, does not, but got '2020-13-45'; nearest valid choice: data.types: {joined: text}",
        recipe=FITS,
        make=lambda: write(joined={7: "2020-13-45"}),
    ),
    "a target with missing values": Row(
        "a.yaml: data.target: targets must be present and finite in people.csv, but 2 of 120 rows break this, the "
        "first is row 3, counted from 0 (data.on_bad: skip leaves them out)",
        recipe=FITS,
        make=lambda: write(left={3: None, 9: None}),
    ),
    "duplicate column names": Row(
        "a.yaml: data.source: columns of people.csv must have different names, but got 'age'",
        recipe=FITS,
        make=lambda: Path("people.csv").write_text("age,age,left\n" + "1,2,no\n3,4,yes\n" * 9),
    ),
    "a group that is in all splits": Row(
        "a.yaml: data.split.column: must name a column of people.csv with at least 3 groups (train, validation, test), "
        "but who has 1",
        recipe={"data": {**FITS["data"], "split": {"by": "group", "column": "who"}}},
        make=lambda: write(who="one"),
    ),
    "a number that is infinite in 32 bits": Row(
        "a.yaml: data.source: numbers must be finite in float32 in people.csv, but 1 of 120 rows break this, the first "
        "is row 4, counted from 0 (data.on_bad: skip leaves them out)",
        recipe=FITS,
        make=lambda: write(age={4: 1e300}),
    ),
    "an argument that the family does not take": Row(
        "a.yaml: model.arguments.num_leafs: LightGBM has no argument `num_leafs`; nearest valid choice: num_leaves",
        recipe={**FITS, "model": {"family": "lightgbm", "arguments": {"num_leafs": 7}}},
        make=write,
    ),
    "monotone text": Row(
        "a.yaml: model.monotone.city: must be a column of numbers; nearest valid choice: age",
        recipe={
            "data": {**FITS["data"], "drop": ["joined"]},
            "model": {"family": "lightgbm", "monotone": {"city": 1}},
        },
        make=write,
    ),
    "a quantile of classes": Row(
        "a.yaml: model.quantile: only a regression has quantiles, but got 0.5",
        recipe={**FITS, "model": {"family": "lightgbm", "quantile": 0.5}},
        make=write,
    ),
    "minutes of one family": Row(
        "a.yaml: model.minutes: suits the family auto only, which fits one family after the other, but got 3.0",
        recipe={**FITS, "model": {"family": "linear", "minutes": 3}},
        make=write,
    ),
    "raw values for a family": Row(
        "a.yaml: preprocess.0.step: suits networks only: a simple model gets its columns as its family needs them, but "
        "got 'none'",
        recipe={
            "data": {"source": "people.csv", "target": "left", "drop": ["city", "joined"]},
            "model": {"family": "linear"},
            "preprocess": "none",
        },
        make=write,
    ),
    "a step for a column that is not there": Row(
        "a.yaml: preprocess.0.columns: must name an input column, but got 'agee'; nearest valid choice: age",
        recipe={**FITS, "preprocess": [{"step": "clip", "columns": ["agee"]}]},
        make=write,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)

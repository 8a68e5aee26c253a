"""Table profile: what was understood, and what looks wrong."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.profiles.table_profile import TRANSFORM, describe_table
from tasks.data.readers import Request, column_types, data_frames

ROWS = 100


def profile(**columns: Any) -> dict[str, Any]:
    """The profile of these columns as text beside a target `y`."""
    frame = pd.DataFrame({"y": ["no", "yes"] * 50, **columns}).astype("str")
    request = Request("a.csv", target="y")
    rows = data_frames.frame_rows(frame, request, is_text=True)
    types = column_types.types_of_table(rows, request)
    assert rows.target_column is not None
    found = describe_table(types, rows.target_column, rows.train.targets)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_every_column_is_told() -> None:
    found = profile(
        age=[str(row % 10) for row in range(99)] + ["-"],
        job=["a"] * 60 + ["b"] * 37 + ["c", "d", ""],
        uid=[f"u{row}" for row in range(ROWS)],
    )
    age, job, uid = found["columns"]
    assert (age["kind"], age["becomes"], age["missing"], age["distinct"]) == ("number", "a number", 1, 10)
    assert (age["min"], age["median"], age["max"], age["loses_digits"]) == (0, 4, 9, False)
    assert (job["becomes"], job["missing"], job["rare"]) == ("one-hot of its 4 categories", 1, 0.02)
    assert job["top"] == [["a", 60], ["b", 37], ["c", 1], ["d", 1]]
    assert uid["becomes"] == "left out, because it is different in every row (an id, or free text)"
    assert found["target"] == {"name": "y", "kind": "text", "missing": 0, "classes": {"no": 50, "yes": 50}}
    assert found["rows"] == ROWS


def test_what_looks_wrong_is_one_sentence_each() -> None:
    generator = np.random.default_rng(0)
    found = profile(
        empty=[""] * ROWS,
        nothing=[""] * ROWS,
        answer=["0", "1"] * 50,
        branch=generator.choice(["01", "02", "03", "12"], ROWS),
        big=[str(2**53 + row // 2) for row in range(ROWS)],
        day=generator.choice(["20230105", "20240131"], ROWS),
        town=[f"t{row // 2}" for row in range(ROWS)],
        counted=[str(row) for row in range(ROWS)],
        amount=[f"{row / 7:.3f}" for row in range(99)] + ["Total"],
    )
    assert found["suspicions"] == [
        "empty, nothing left out: each has no value.",
        "answer alone determines the target: is it known when a prediction is made?",
        "branch has leading zeros and is read as text (data.types: {branch: number} reads numbers).",
        "big has numbers that 32 bits cannot tell apart: digits are lost.",
        "day looks like dates that are written as numbers (data.dates: {day: '%Y%m%d'} reads dates).",
        "town has categories of fewer than 5 rows in 100% of the rows, which teach little.",
        "counted numbers the rows: if it is an index or an id, leave it out (data.drop).",
        "amount is read as numbers, and a word among them as missing (data.types: {amount: text} reads text).",
        "A row looks like a line of totals: remove it from the file.",
    ]


@pytest.mark.parametrize(("power", "said"), [(1, 0), (6, 1)])
def test_the_logarithm_of_a_target_with_a_long_tail_is_offered(power: int, said: int) -> None:
    values = np.linspace(1, 40, 100) ** power
    request = Request("a.csv", target="y")
    frame = pd.DataFrame({"y": values, "x": np.arange(100) % 7}).astype("str")
    rows = data_frames.frame_rows(frame, request, is_text=True)
    types = column_types.types_of_table(rows, request)
    assert rows.target_column is not None
    tail = np.exp(np.linspace(0, 5 * power, 100)) if said else rows.train.targets
    found = [each for each in describe_table(types, rows.target_column, tail)["suspicions"] if TRANSFORM in each]
    assert len(found) == said
    assert all(each.startswith("y has a long tail (skewness ") for each in found)


def test_words_for_a_missing_value_among_the_classes_are_named() -> None:
    found = profile(x=[str(row % 7) for row in range(ROWS)], y=["None"] * 60 + ["stage 1"] * 40)
    assert found["suspicions"] == ["None is read as a class of y, in 60 rows."]


def test_many_rows_take_little_time() -> None:
    count = 200_000
    generator = np.random.default_rng(0)
    numbers = {f"n{index}": generator.normal(size=count) for index in range(6)}
    texts = {f"t{index}": pd.Series(generator.integers(0, 50, count)).astype("str") + "k" for index in range(4)}
    frame = pd.DataFrame({**numbers, **texts, "y": generator.integers(0, 2, count)})
    request = Request("here", target="y")
    rows = data_frames.frame_rows(frame, request)
    types = column_types.types_of_table(rows, request)
    assert rows.target_column is not None
    started = time.perf_counter()
    found = describe_table(types, rows.target_column, rows.train.targets)
    assert time.perf_counter() - started < 10
    assert found["suspicions"] == []

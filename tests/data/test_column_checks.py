"""Column checks: columns that say nothing, and columns of dates."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tasks.core import Column, InputError
from tasks.data.readers import Request, column_checks

ROWS = 40


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("a", [""] * ROWS, "has no value"),
        ("a", [7] * ROWS, "is always 7"),
        ("a", ["x"] * ROWS, "is always x"),
        ("a", ["x"] * 39 + [""], ""),
        ("uid", [f"u{row}" for row in range(ROWS)], "is different in every row (an id, or free text)"),
        ("Unnamed: 0", list(range(ROWS)), "numbers the rows"),
        ("PassengerId", list(range(ROWS, 0, -1)), "numbers the rows"),
        ("order_id", [row * 17 for row in range(ROWS)], "is different in every row (an id)"),
        ("day", list(range(ROWS)), ""),
        ("paid", [row + 0.5 for row in range(ROWS)], ""),
        ("a", ["x", "y"] * 20, ""),
    ],
)
def test_what_says_nothing_is_told(name: str, values: list[Any], reason: str) -> None:
    kind: Any = "category" if isinstance(values[0], str) else "number"
    assert column_checks.says_nothing(pd.Series(values), Column(name, kind)) == reason


def test_of_few_rows_nothing_is_concluded() -> None:
    assert column_checks.says_nothing(pd.Series(["u1", "u2"]), Column("id", "category")) == ""
    assert column_checks.says_nothing(pd.Series(["", ""]), Column("id", "category")) == "has no value"


@pytest.mark.parametrize(
    "text",
    [
        *("2023-05-17", "2023-05-17 22:35:00", "2023-05-17T22:35:00.5Z", "2023/5/7", "2023-05", "17.05.2023"),
        *(
            "05/17/2023",
            "5/7/23 9:05 PM",
            "17.05.23",
            "17-May-2023",
            "17 Mai 2023",
            "May 17, 2023",
            "22:35",
            "22:35:10",
        ),
    ],
)
def test_dates_and_times_are_seen(text: str) -> None:
    texts = pd.Series([text, ""] * 5, dtype="str")
    assert column_checks.date_in(texts, texts) == text


@pytest.mark.parametrize("text", ["2023", "1.2.3", "12.5", "1/2", "31-01", "May", "b 2023-05-17", "192.168.10.1"])
def test_other_text_is_no_date(text: str) -> None:
    texts = pd.Series([text] * 5, dtype="str")
    assert column_checks.date_in(texts, texts) == ""


def test_the_message_says_what_to_write() -> None:
    with pytest.raises(InputError) as caught:
        column_checks.refuse_dates({"day": "2023-05-17", "at": "22:35"}, Request("a.csv", drop=("id",)))
    assert str(caught.value) == (
        "data.source: a.csv must hold no dates or times among its inputs, but got 'day 2023-05-17, at 22:35'; "
        "nearest valid choice: data.drop: [id, day, at], or data.types: {day: text, at: text}"
    )

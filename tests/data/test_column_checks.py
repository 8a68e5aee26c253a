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


@pytest.mark.parametrize("text", ["22:35", "22:35:10", "9:05 PM"])
def test_times_of_day_are_seen(text: str) -> None:
    assert column_checks.time_in(pd.Series([text, "", "n/a"] * 5, dtype="str")) == text
    assert column_checks.time_in(pd.Series(["a", text], dtype="str")) == ""


def test_the_message_says_what_to_write() -> None:
    with pytest.raises(InputError) as caught:
        column_checks.refuse_times({"at": "22:35"}, Request("a.csv", drop=("id",)))
    assert str(caught.value) == (
        "data.source: a.csv must hold no times of day without a date among its inputs, but got 'at 22:35'; "
        "nearest valid choice: data.drop: [id, at], or data.types: {at: text}"
    )


def test_the_recipe_goes_before_what_the_texts_look_like() -> None:
    texts = pd.Series(["2023-05-17", "n/a", ""] * 10, dtype="str", name="day")
    assert column_checks.holds_dates(texts, texts, Request("a.csv"))
    assert not column_checks.holds_dates(texts, texts, Request("a.csv", types={"day": "text"}))
    numbers = pd.Series([20230517], name="day")
    assert not column_checks.holds_dates(numbers, None, Request("a.csv"))
    assert column_checks.holds_dates(numbers, None, Request("a.csv", dates={"day": "%Y%m%d"}))


def test_a_constant_date_says_nothing() -> None:
    reason = column_checks.says_nothing(pd.Series([86400.0] * ROWS), Column("day", "date"))
    assert reason == "is always 1970-01-02"


def test_dates_of_the_split_whose_parts_never_return_are_no_input() -> None:
    minutes = pd.Series([60.0 * row for row in range(ROWS)])
    request = Request("a.csv", order="at", is_by_time=True)
    reason = column_checks.never_returns(minutes, Column("at", "date"), request)
    assert reason == "tells the time of the split, and no weekday or hour of it returns"
    assert column_checks.never_returns(minutes * 1440, Column("at", "date"), request) == ""
    assert column_checks.never_returns(minutes, Column("other", "date"), request) == ""

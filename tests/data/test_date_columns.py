"""Date columns: parts of dates are number columns, by name, in the frame and in the product."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.core import Column
from tasks.data.tables import date_columns
from tasks.data.tables.column_steps import DateParts

DAY = 86400.0


def settled(seconds: list[float], order: str | None = None) -> Column:
    frame = pd.DataFrame({"when": seconds})
    return date_columns.settle_dates((Column("when", "date"),), frame, order)[0]


def test_parts_that_vary_are_inputs_and_elapsed_begins_at_the_middle_day() -> None:
    found = settled([DAY, 3 * DAY, 5 * DAY, np.nan])
    assert found.parts == ("day", "weekday", "elapsed")
    assert found.center == 3 * DAY
    assert settled([DAY, 3.5 * DAY]).parts == ("day", "weekday", "hour", "elapsed")
    assert settled([np.nan]).parts == ("elapsed",)


def test_of_the_time_of_a_split_only_parts_that_return_are_inputs() -> None:
    two_years = [DAY * day / 2 for day in range(1460)]
    assert settled(two_years).parts == ("year", "month", "day", "weekday", "hour", "elapsed")
    assert settled(two_years, "when").parts == ("month", "day", "weekday", "hour")
    assert settled(two_years[:200], "when").parts == ("day", "weekday", "hour")
    assert settled([DAY * day for day in range(10)], "when").parts == ("weekday",)


def test_the_recipe_says_the_parts_and_the_step_that_names_the_column_counts() -> None:
    columns = (Column("a", "date", parts=("month",)), Column("b", "date", parts=("month",)), Column("n", "number"))
    steps = (DateParts(parts=("year", "elapsed")), DateParts(parts=("hour",), columns=("b",)))
    assert [each.parts for each in date_columns.with_parts(columns, steps)] == [("year", "elapsed"), ("hour",), ()]
    assert date_columns.with_parts(columns, (DateParts(),)) == columns


def test_names_of_parts_are_of_no_other_column() -> None:
    columns = (Column("a", "date", parts=("hour", "year")), Column("a.year", "number"))
    assert date_columns.names_of_parts(columns) == {"a": {"year": "a.year_", "hour": "a.hour"}}
    assert [each.name for each in date_columns.model_inputs(columns)] == ["a.year_", "a.hour", "a.year"]


def test_missing_dates_have_missing_parts() -> None:
    column = Column("a", "date", center=DAY, parts=("month", "elapsed"))
    found = date_columns.part_values(pd.DataFrame({"a": [-0.5 * DAY, np.nan]}), [column])
    assert found["a.month"].dtype == np.float32
    assert found["a.month"][0] == 12
    assert found["a.elapsed"][0] == -1.5
    assert np.isnan(found["a.month"][1])

"""Column checks: columns that say nothing by themselves, and columns of dates and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import Column, InputError
from tasks.data.readers import cells
from tasks.data.readers.examples import Request
from tasks.data.tables import date_forms
from tasks.data.tables.date_columns import returning_parts

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 20
"""In a table with fewer rows nothing is concluded from values that all differ or are all the same."""
EMPTY = "has no value"
_ID_NAME = re.compile(r"(?i:(?:^|[\W_])(?:id|uid|uuid|guid|idx|index|row|rowid|rownum|nr|no))$|[a-z](?:Id|ID|Key)$")
_UNNAMED = re.compile(r"Unnamed: \d+")


def says_nothing(values: pd.Series, column: Column) -> str:
    """Why a column says nothing of the target, in words that follow its name; empty text when it may say something.

    It is empty; it holds one value; its texts all differ; or it numbers the rows and its name says so. Columns of
    fewer than FEW_ROWS rows are only checked for being empty.
    """
    is_present = values != "" if column.kind == "category" else values.notna()
    present = values[is_present]
    distinct = present.nunique()
    if distinct == 0:
        return EMPTY
    if len(values) < FEW_ROWS:
        return ""
    if distinct == 1 and (column.kind != "category" or len(present) == len(values)):
        only = present.iloc[0]
        return f"is always {date_forms.date_text(only) if column.kind == 'date' else only}"
    if distinct < len(values) or column.kind == "date":
        return ""
    if column.kind == "category":
        return "is different in every row (an id, or free text)"
    if numbers_rows(values) and (is_id_name(column.name) or _UNNAMED.fullmatch(column.name)):
        return "numbers the rows"
    return "is different in every row (an id)" if is_whole(values) and is_id_name(column.name) else ""


def is_id_name(name: str) -> bool:
    """Whether a column's name is one that is given to ids, such as `id`, `user_id` and `PassengerId`."""
    return _ID_NAME.search(name) is not None


def is_whole(values: pd.Series) -> bool:
    """Whether all numbers are whole; missing ones are not."""
    return values.dtype.kind in "iu" or bool((values % 1 == 0).all())


def numbers_rows(values: pd.Series) -> bool:
    """Whether numbers, all of them different, are 0, 1, 2, … or 1, 2, 3, …, in any order."""
    return is_whole(values) and values.min() in (0, 1) and values.max() - values.min() == len(values) - 1


def holds_dates(series: pd.Series, texts: pd.Series | None, request: Request) -> bool:
    """Whether a column holds dates: because the recipe says so, by its type, or because almost all its texts are.

    Args:
        series: the column as it was read.
        texts: its text, empty where missing; None for numbers.
        request: has the recipe's settings.
    """
    name = str(series.name)
    if name in request.dates or name in request.types:
        return name in request.dates or request.types[name] == "date"
    if series.dtype.kind == "M":
        return True
    return texts is not None and date_forms.are_dates(present_texts(texts))


def date_column(series: pd.Series, texts: pd.Series | None, request: Request) -> Column:
    """The type of a column of dates, with their form. Raises InputError as `date_forms.form_of` does."""
    name = str(series.name)
    form = request.dates.get(name)
    if form is None and texts is not None and series.dtype.kind != "M":
        place = date_forms.Place(name, request.source, request.field)
        form = date_forms.form_of(present_texts(texts), place)
    return Column(name, "date", form=form or date_forms.ISO)


def never_returns(values: pd.Series, column: Column, request: Request) -> str:
    """Why dates by which the data are split are no input, in words that follow the name; empty text for others."""
    if column.kind != "date" or column.name != request.order:
        return ""
    is_useful = bool(returning_parts(values.dropna().to_numpy(dtype="float64")))
    return "" if is_useful else "tells the time of the split, and no weekday or hour of it returns"


def time_in(texts: pd.Series) -> str:
    """The first time of day of a column that holds nothing else; empty text for another column."""
    present = present_texts(texts)
    return str(present[0]) if len(present) and date_forms.are_times(present) else ""


def present_texts(texts: pd.Series) -> np.ndarray:
    """The different texts of a column, in the order of the rows, without words that mean a missing value."""
    distinct: np.ndarray = texts.unique().astype(object)
    return distinct[[text.lower() not in cells.MISSING_WORDS for text in distinct]]


def refuse_times(times: Mapping[str, str], request: Request) -> None:
    """Raises InputError for columns of times of day without a date (name → example): the message says what to write."""
    if not times:
        return
    away = ", ".join((*request.drop, *times))
    kept = ", ".join(f"{name}: text" for name in times)
    raise InputError(
        f"{request.source} must hold no times of day without a date among its inputs",
        path=request.field,
        value=", ".join(f"{name} {example}" for name, example in times.items()),
        nearest=f"data.drop: [{away}], or data.types: {{{kept}}}",
    )

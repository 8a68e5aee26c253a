"""Column checks: columns that say nothing by themselves, and columns of dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import Column, InputError
from tasks.data.readers.examples import Request

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 20
"""In a table with fewer rows nothing is concluded from values that all differ or are all the same."""
EMPTY = "has no value"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:z|utc|gmt|[+-]\d{2}:?\d{2})?"
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:1[6-9]|20|21)\d{2}"
_MONTH = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*\.?"
_DATE = "|".join(
    (
        rf"{_YEAR}[-/.]{_DAY}[-/.]{_DAY}",
        rf"{_YEAR}-(?:0[1-9]|1[0-2])",
        rf"{_DAY}[-/.]{_DAY}[-/.]{_YEAR}",
        rf"{_DAY}/{_DAY}/\d{{2}}",
        r"\d{2}\.\d{2}\.\d{2}",
        rf"{_DAY}\.?[ -]{_MONTH}[ -](?:{_YEAR}|\d{{2}})",
        rf"{_MONTH} {_DAY},? {_YEAR}",
    )
)
_DATE_OR_TIME = re.compile(rf"(?:{_DATE})(?:[t ,]+{_TIME})?|{_TIME}")
_ID_NAME = re.compile(r"(?i:(?:^|[\W_])(?:id|uid|uuid|guid|idx|index|row|rowid|rownum|nr|no))$|[a-z](?:Id|ID|Key)$")
_UNNAMED = re.compile(r"Unnamed: \d+")


def says_nothing(values: pd.Series, column: Column) -> str:
    """Why a column says nothing of the target, in words that follow its name; empty text when it may say something.

    It is empty; it holds one value; its texts all differ; or it numbers the rows and its name says so. Columns of
    fewer than FEW_ROWS rows are only checked for being empty.
    """
    is_present = values.notna() if column.kind == "number" else values != ""
    present = values[is_present]
    distinct = present.nunique()
    if distinct == 0:
        return EMPTY
    if len(values) < FEW_ROWS:
        return ""
    if distinct == 1 and (column.kind == "number" or len(present) == len(values)):
        return f"is always {present.iloc[0]}"
    if distinct < len(values):
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


def date_in(raw: pd.Series, texts: pd.Series) -> str:
    """The first date or time of a column that holds nothing else, as text; empty text for another column."""
    present = texts[texts != ""]
    if not len(present):
        return ""
    first = str(present.iloc[0])
    if raw.dtype.kind in "mM":
        return first
    if not _DATE_OR_TIME.fullmatch(first.lower()):
        return ""
    distinct = np.unique(present.to_numpy(dtype=object))
    share = np.mean([_DATE_OR_TIME.fullmatch(text.lower()) is not None for text in distinct])
    return first if share > 0.95 else ""


def refuse_dates(dates: Mapping[str, str], request: Request) -> None:
    """Raises InputError for columns of dates (name → example): the message says what to write in the recipe."""
    if not dates:
        return
    away = ", ".join((*request.drop, *dates))
    kept = ", ".join(f"{name}: text" for name in dates)
    raise InputError(
        f"{request.source} must hold no dates or times among its inputs",
        path=request.field,
        value=", ".join(f"{name} {example}" for name, example in dates.items()),
        nearest=f"data.drop: [{away}], or data.types: {{{kept}}}",
    )

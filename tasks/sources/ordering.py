"""The column that a split goes by: times as values that sort, groups as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.artifacts import InputError
from tasks.sources.frames import is_number, text_of
from tasks.sources.rows import Request

if TYPE_CHECKING:
    import pandas as pd

_DATES = ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y")


def times_of(series: pd.Series, request: Request) -> np.ndarray:
    """A time column as values that sort: numbers as they are, else dates in ISO 8601 or one of `_DATES`.

    The first form that fits every row is taken: 3/4/2021 is in March unless another row says otherwise.
    """
    if is_number(series):
        _refuse_missing(series, request)
        return series.to_numpy()
    text = text_of(series).replace("", None)
    _refuse_missing(text, request)
    forms = [f"{date}{time}" for date in _DATES for time in ("", " %H:%M", " %H:%M:%S")]
    times = next((times for form in ("ISO8601", *forms) if (times := _parsed(text, form)) is not None), None)
    if times is None:
        raise InputError(
            f"must name a column of {request.source} with numbers or with dates of one form",
            path="data.split.column",
            value=request.order,
        )
    return times


def _parsed(text: pd.Series, form: str) -> np.ndarray | None:
    import pandas as pd

    try:
        return pd.to_datetime(text, format=form, utc=True).to_numpy(dtype="datetime64[ns]")
    except (ValueError, OverflowError):
        return None


def groups_of(series: pd.Series, request: Request) -> np.ndarray:
    """A group column as integers, one for each group, in the order of their names."""
    text = text_of(series)
    _refuse_missing(text.replace("", None), request)
    return np.unique(text.to_numpy(dtype=object), return_inverse=True)[1]


def _refuse_missing(series: pd.Series, request: Request) -> None:
    missing = np.flatnonzero(series.isna())
    if missing.size:
        raise InputError(
            f"must name a column of {request.source} with a value in every row, but {missing.size} "
            f"have none, the first is row {missing[0]}, counted from 0",
            path="data.split.column",
        )

"""Data frames as a source: separates the target column, and converts numbers to float32 and all else to text."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column, InputError, nearest_choice
from tasks.data.readers.examples import Examples, Request, Rows, leave_out

if TYPE_CHECKING:
    import pandas as pd

MISSING = "?"
"""Text that means a missing value, besides empty text and the markers that pandas knows in a CSV."""

_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
_NO_VALUES = (bytes, list, tuple, dict, set, np.ndarray)


def frame_rows(frame: pd.DataFrame, request: Request) -> Rows:
    """The rows of a raw data frame, without conversion; target, split column and `drop` are not among the inputs.

    Raises InputError for a column that does not exist, duplicate names, and a frame without rows or inputs.
    """
    frame = frame.set_axis([str(name).strip() for name in frame.columns], axis=1)
    refuse_duplicates(list(frame.columns), request)
    target = check_column(request.target, "data.target", frame, request)
    if request.order is not None:
        check_column(request.order, "data.split.column", frame, request)
    for name in request.drop:
        check_column(name, "data.drop", frame, request)
    away = {target, request.order, *request.drop}
    inputs = frame[[name for name in frame.columns if name not in away]]
    if inputs.empty:
        raise InputError(f"{request.source} must hold at least one row and one input column", path=request.field)
    order = None if request.order is None else frame[request.order]
    return Rows("table", Examples(inputs, series_targets(frame[target]), order))


def check_column(name: str | None, field: str, frame: pd.DataFrame, request: Request) -> str:
    """Returns `name` if the frame has that column; otherwise raises InputError with the nearest name, or with all."""
    columns = [str(column) for column in frame.columns]
    if name is None:
        raise InputError(
            f"must name the target column of {request.source}; its columns are {', '.join(columns)}",
            path=field,
        )
    if name not in columns:
        near = nearest_choice(name, columns) or ", ".join(columns)
        raise InputError(f"must name a column of {request.source}", path=field, value=name, nearest=near)
    return name


def refuse_duplicates(names: Sequence[str], request: Request) -> None:
    """Raises InputError when two columns share a name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"columns of {request.source} must have different names", path=request.field, value=twice[0])


def columns_of(rows: Rows, request: Request) -> tuple[Column, ...]:
    """The kind of each input column. Raises InputError for a column without values, or with nested values."""
    frame: Any = rows.train.inputs
    return tuple(_column(frame[name], request) for name in frame.columns)


def _column(series: pd.Series, request: Request) -> Column:
    name = str(series.name)
    if is_number(series):
        empty = not series.notna().any()
    else:
        present = series.dropna()
        if len(present) and isinstance(present.iloc[0], _NO_VALUES):
            raise InputError(
                f"column {name!r} of {request.source} must hold numbers or text (data.drop leaves it out)",
                path=request.field,
                value=type(present.iloc[0]).__name__,
            )
        empty = not (text_of(present) != "").any()
    if empty:
        raise InputError(
            f"column {name!r} of {request.source} must hold at least one value (data.drop leaves it out)",
            path=request.field,
        )
    return Column(name, "number" if is_number(series) else "category")


def align_columns(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """`rows` with exactly these columns in `train`, as float32 (NaN where missing) or text (empty where missing).

    Other columns are dropped. Raises InputError for a column that is missing or of another kind, and for numbers
    that are infinite in float32 unless the request says `on_bad: skip`.
    """
    import pandas as pd

    frame: Any = rows.train.inputs
    clean: dict[str, Any] = {}
    bad = np.zeros(len(frame), dtype=bool)
    for column in columns:
        check_column(column.name, request.field, frame, request)
        series = frame[column.name]
        if column.kind == "category":
            clean[column.name] = text_of(series).astype(object)
            continue
        if not is_number(series) and series.notna().any():
            raise InputError(
                f"column {column.name!r} of {request.source} must hold numbers, as it does in data.source",
                path=request.field,
                value=str(series.dropna().iloc[0]),
            )
        clean[column.name] = numbers_of(series, "float32")
        bad |= np.isinf(clean[column.name])
    train = dataclasses.replace(rows.train, inputs=pd.DataFrame(clean, index=frame.index))
    return leave_out(dataclasses.replace(rows, train=train), bad, "numbers must be finite in float32", request)


def is_number(series: pd.Series) -> bool:
    """Whether all values of a column are numbers; a column of bool is a category."""
    from pandas.api import types

    if types.is_bool_dtype(series.dtype):
        return False
    return types.is_numeric_dtype(series.dtype) or (
        series.dtype == object and types.infer_dtype(series, skipna=True) in _NUMBERS
    )


def numbers_of(series: pd.Series, dtype: str) -> np.ndarray:
    """Numbers as a float array, NaN where missing."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, which is refused
        return series.to_numpy(dtype=dtype, na_value=np.nan)


def text_of(series: pd.Series) -> pd.Series:
    """Any column as stripped text, empty where missing; whole numbers are written without decimals."""
    is_text = series.dtype == "str"
    present = series.fillna("") if is_text else series.astype(object).where(series.notna(), "").map(_text)
    text = present.str.strip()
    return text.mask(text == MISSING, "")


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def series_targets(series: pd.Series) -> np.ndarray:
    """A target column in the form of `Examples.targets`."""
    if not is_number(series):
        return text_of(series).to_numpy(dtype=object)
    if series.dtype.kind in "iu" and series.notna().all():
        return series.to_numpy(dtype=np.int64)
    return numbers_of(series, "float64")

"""Data frames as a source: separates the target column, and reads every column by the types of training."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column, InputError, nearest_choice
from tasks.data.readers import cells, column_checks, column_types, group_columns
from tasks.data.readers.examples import Examples, Request, Rows, leave_out

if TYPE_CHECKING:
    import pandas as pd


def frame_rows(frame: pd.DataFrame, request: Request, is_text: bool = False) -> Rows:
    """The rows of a raw data frame, without conversion; target, split column and `drop` are not among the inputs.

    Dates by which the data are split by time stay among them.

    Args:
        is_text: whether the cells are text as written, and their types are still to be found.

    Raises:
        InputError: a column does not exist, two share a name, or there are no rows or no inputs.
    """
    frame = frame.set_axis([plain_name(name) for name in frame.columns], axis=1)
    refuse_duplicates(list(frame.columns), request)
    target = check_column(request.target, "data.target", frame, request)
    if request.order is not None:
        check_column(request.order, "data.split.column", frame, request)
    if request.id is not None:
        check_column(request.id, "data.id", frame, request)
        if request.id == target:
            raise InputError("must be another column than the target", path="data.id", value=target)
    lists = {"data.drop": request.drop, "data.types": request.types, "data.groups": request.groups}
    lists["data.dates"] = request.dates
    for field, names in lists.items():
        for name in names:
            check_column(name, field, frame, request)
    away = {target, request.id, *request.drop, *_split_columns(frame, request)}
    inputs = frame[[name for name in frame.columns if name not in away]]
    if inputs.empty:
        raise InputError(f"{request.source} must hold at least one row and one input column", path=request.field)
    order = None if request.order is None else frame[request.order]
    column, targets = column_types.read_target(frame[target], request, is_text)
    examples = Examples(inputs, targets, order, groups=group_columns.groups_in(frame, request))
    return Rows("table", examples, is_text=is_text, target_column=column)


def _split_columns(frame: pd.DataFrame, request: Request) -> set[str]:
    """The column of a split by time or group, if it is no input."""
    if request.order is None:
        return set()
    series = frame[request.order]
    texts = None if cells.is_number(series) or series.dtype.kind == "M" else column_types.input_texts(series, request)
    return set() if request.is_by_time and column_checks.holds_dates(series, texts, request) else {request.order}


def plain_name(name: object) -> str:
    """A column's name without blanks around it and without ends of lines."""
    return re.sub(r"\s*[\r\n]+\s*", " ", str(name).strip())


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


def align_columns(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """`rows` with exactly these columns in `train`: exact numbers, NaN where missing, or text, empty where missing.

    Text is read as the columns say. Other columns are dropped. Raises InputError for a column that is missing, for text
    that is no number or date in the column's form, and for numbers that are infinite in float32 unless the request says
    `on_bad: skip`.
    """
    import pandas as pd

    frame: Any = rows.train.inputs
    names = [str(name) for name in frame.columns]
    clean: dict[str, Any] = {}
    bad = np.zeros(len(frame), dtype=bool)
    for column in columns:
        if column.name not in names:
            law = f"{request.source} must have the column {column.name!r}, as the training data have"
            raise InputError(law, path=request.field, nearest=nearest_choice(column.name, names) or ", ".join(names))
        values = column_types.values_of(frame[column.name], column, request)
        if column.kind == "category":
            _refuse_unknown(values, column, request)
            clean[column.name] = values.astype(object)
            continue
        clean[column.name] = cells.exact_numbers(values)
        with np.errstate(over="ignore"):
            bad |= np.isinf(clean[column.name].astype(np.float32))
    train = dataclasses.replace(rows.train, inputs=pd.DataFrame(clean, index=frame.index))
    return leave_out(dataclasses.replace(rows, train=train), bad, "numbers must be finite in float32", request)


def _refuse_unknown(values: pd.Series, column: Column, request: Request) -> None:
    """Raises InputError when training knows fewer than half of a column's texts.

    Columns with very many texts, and sources of fewer than `column_checks.FEW_ROWS` rows, are not checked.
    """
    given = values[values != ""]
    strange = given[~given.isin(list(column.texts))]
    if not column.texts or len(given) < column_checks.FEW_ROWS or 2 * len(strange) <= len(given):
        return
    first = str(strange.iloc[0])
    new = f"{len(strange):,} of {len(given):,} are new"
    law = f"column {column.name!r} of {request.source} must hold values that training knows ({new})"
    near = nearest_choice(first, column.texts) or ", ".join(column.texts[:5])
    raise InputError(law, path=request.field, value=first, nearest=near)

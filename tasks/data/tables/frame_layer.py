"""Frame layer: the raw columns of a table as every model sees them, float32 numbers and text.

A column that 32 bits would change is centred in 64 bits before it is rounded, and dates become their parts. The
product's graph does the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column, InputError
from tasks.data.tables.date_columns import model_inputs, part_values

if TYPE_CHECKING:
    import pandas as pd

CHANGED = 1e-5
"""32 bits change a column if they move one of its numbers by more than this share of its distance from the middle, or
of the column's spread where that is larger."""
FLOATS = ("float16", "float32", "float64")


def model_columns(frame: pd.DataFrame, columns: Iterable[Column]) -> dict[str, np.ndarray]:
    """Name → a column (count,) as models see it: float32, NaN where missing, or text, empty where missing.

    The parts of dates stand in the places of their columns, in the order of `date_columns.model_inputs`.

    Args:
        frame: the raw columns, as in a split of a Dataset.
        columns: their types. A number is `float32(value)`, and `float32(value - center)`, computed in 64 bits, where
            its column has a center.
    """
    columns = tuple(columns)
    found = part_values(frame, columns)
    for column in columns:
        if column.kind == "date":
            continue
        if column.kind == "category":
            found[column.name] = frame[column.name].to_numpy(dtype=object)
            continue
        values = frame[column.name].to_numpy(dtype=np.float32 if column.center is None else np.float64)
        found[column.name] = values if column.center is None else (values - column.center).astype(np.float32)
    return {column.name: found[column.name] for column in model_inputs(columns)}


def center_columns(columns: tuple[Column, ...], train: Any) -> tuple[Column, ...]:
    """The columns, with a center where 32 bits would change the numbers of `train`, a frame (`center_of`)."""
    return tuple(
        replace(column, center=center_of(train[column.name].to_numpy(dtype=np.float64)))
        if column.kind == "number"
        else column
        for column in columns
    )


def center_of(values: np.ndarray) -> float | None:
    """The median of numbers that 32 bits would change, rounded down if all are whole; None for all others.

    They change numbers if they move one by more than CHANGED says, or whole numbers four times as far as they do after
    centring. Incomes with cents are not changed in this sense, since their range is wide and float32 holds seven digits
    of each.

    Args:
        values: float64 (count,), NaN where missing.
    """
    present = values[np.isfinite(values)]
    moved = _moved(present)
    if not moved.any() or present.min() == present.max():
        return None
    low, middle, high = np.quantile(present, (0.25, 0.5, 0.75))
    is_whole = bool((present == np.floor(present)).all())
    center = float(np.floor(middle) if is_whole else middle)
    distance = np.abs(present - center)
    spread = high - low or present.std()
    if (moved > CHANGED * np.maximum(distance, spread)).any():
        return center
    if is_whole and moved.max() >= 4 * _moved(present - center).max():
        return center
    return None


def _moved(values: np.ndarray) -> np.ndarray:
    """How far 32 bits move each number."""
    distances: np.ndarray = np.abs(values.astype(np.float32) - values)
    return distances


def default_type(column: Column) -> str:
    """The element type in which a product takes a column, a NumPy name or `string`.

    Numbers that 32 bits would change are float64, whole ones as well: any of them may be missing in a later row. Dates
    are float64, too.
    """
    if column.kind == "category":
        return "string"
    return "float32" if column.center is None and column.kind == "number" else "float64"


def input_column(values: pd.Series, column: Column, dtype: str, source: str) -> np.ndarray:
    """A raw column as the input (count, 1) of a product, in its type.

    Args:
        values: numbers, NaN where missing, or text, empty where missing.
        column: its type.
        dtype: the input's element type, a NumPy name or `string`.
        source: the file that the values are from, for messages.

    Raises:
        InputError: an input of whole numbers or of bool would get a missing value, a fraction, or a number outside its
            range; or float16 cannot hold a number.
    """
    name = f"column {column.name!r} of {source}"
    if dtype == "string":
        return values.to_numpy(dtype=object)[:, None]
    if dtype == "bool" and column.kind == "category":
        values = values.map({"True": 1, "False": 0})
    if dtype in FLOATS:
        exact = values.to_numpy(dtype=np.float64)
        with np.errstate(over="ignore"):
            floats = exact.astype(dtype)
        if dtype == "float16" and (np.isinf(floats) & np.isfinite(exact)).any():
            law = f"{name} must hold numbers that fit into float16, as the model takes them"
            raise InputError(law, value=float(exact[np.isinf(floats)][0]))
        return floats[:, None]
    if values.isna().any():
        raise InputError(f"{name} must hold no missing values, since the model takes it as {dtype}")
    least, most = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    wrong = values[(values != np.floor(values)) | (values < least) | (values > most)]
    if len(wrong):
        what = "0 and 1" if dtype == "bool" else f"whole numbers from {least} to {most}"
        raise InputError(f"{name} must hold {what}, since the model takes it as {dtype}", value=str(wrong.iloc[0]))
    whole: Any = values.to_numpy().astype(dtype)
    return np.asarray(whole)[:, None]

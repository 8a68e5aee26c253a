"""Date columns: which parts of dates a model gets, what they are called, and their values.

A part is a number column of its own, such as `hired.year`: float32 to the model, and computed in the product's graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column
from tasks.data.tables.column_steps import DateParts, step_for
from tasks.kernels.statistics import civil_dates
from tasks.kernels.statistics.civil_dates import DAY, PARTS

if TYPE_CHECKING:
    import pandas as pd

    from tasks.kernels.onnx.raw_inputs import DateInput

CYCLES = {"month": 365 * DAY, "day": 31 * DAY, "weekday": 7 * DAY, "hour": DAY}
"""Parts that return → seconds after which they do."""


def settle_dates(columns: tuple[Column, ...], train: Any, order: str | None) -> tuple[Column, ...]:
    """The columns, each date with the parts that a model gets unless the recipe has a step, and with its center.

    Args:
        columns: the inputs of a table.
        train: the frame of the train split.
        order: the column by whose time the data were split: of it only parts that return are inputs, because a later
            year, and a longer time elapsed, are nothing that a model has seen.
    """
    return tuple(
        _settled(column, train[column.name].to_numpy(dtype=np.float64), column.name == order)
        if column.kind == "date"
        else column
        for column in columns
    )


def _settled(column: Column, seconds: np.ndarray, is_order: bool) -> Column:
    present = seconds[np.isfinite(seconds)]
    center = float(np.floor(np.median(present) / DAY) * DAY) if len(present) else 0.0
    parts = returning_parts(present) or ("hour",) if is_order else varying_parts(present) or ("elapsed",)
    return replace(column, center=center, parts=parts)


def varying_parts(seconds: np.ndarray) -> tuple[str, ...]:
    """The parts of which times (count,), none missing, have more than one value."""
    found = civil_dates.date_parts(seconds, 0.0, PARTS, np.floor) if len(seconds) else {}
    return tuple(part for part, values in found.items() if values.min() != values.max())


def returning_parts(seconds: np.ndarray) -> tuple[str, ...]:
    """The parts of times (count,), none missing, that vary and return in them: months where they span a year."""
    span = float(seconds.max() - seconds.min()) if len(seconds) else 0.0
    return tuple(part for part in varying_parts(seconds) if span >= CYCLES.get(part, np.inf))


def with_parts(columns: tuple[Column, ...], steps: Sequence[Any]) -> tuple[Column, ...]:
    """The columns, their dates with the parts that the recipe's steps `date_parts` say, where they say some."""
    chosen = {column.name: step_for(column.name, DateParts, steps) for column in columns if column.kind == "date"}
    asked = {name: step.parts for name, step in chosen.items() if step is not None and step.parts}
    return tuple(replace(each, parts=asked[each.name]) if each.name in asked else each for each in columns)


def names_of_parts(columns: Iterable[Column]) -> dict[str, dict[str, str]]:
    """Date column → part → the name of its column; an underscore is appended where a column has that name."""
    columns = tuple(columns)
    taken = {column.name for column in columns}
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        for part in (part for part in PARTS if part in column.parts):
            name = f"{column.name}.{part}"
            while name in taken:
                name += "_"
            taken.add(name)
            found.setdefault(column.name, {})[part] = name
    return found


def model_inputs(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns as models take them: numbers and text, and in the place of each date its parts as numbers."""
    columns = tuple(columns)
    names = names_of_parts(columns)
    return tuple(
        each
        for column in columns
        for each in (
            [Column(name, "number") for name in names.get(column.name, {}).values()]
            if column.kind == "date"
            else [column]
        )
    )


def part_values(frame: pd.DataFrame, columns: Iterable[Column]) -> dict[str, np.ndarray]:
    """Name → float32 (count,), the parts of the date columns of a frame with their raw seconds; NaN where missing."""
    columns = tuple(columns)
    names = names_of_parts(columns)
    found: dict[str, np.ndarray] = {}
    for column in columns:
        if column.kind == "date":
            seconds = frame[column.name].to_numpy(dtype=np.float64)
            values = civil_dates.date_parts(seconds, column.center or 0.0, column.parts, np.floor)
            found |= {names[column.name][part]: each.astype(np.float32) for part, each in values.items()}
    return found


def date_inputs(columns: Iterable[Column]) -> list[DateInput]:
    """The dates that a product takes, as `raw_inputs.take_dates` needs them."""
    from tasks.kernels.onnx.raw_inputs import DateInput

    columns = tuple(columns)
    origins: Mapping[str, float] = {column.name: column.center or 0.0 for column in columns}
    return [DateInput(name, origins[name], parts) for name, parts in names_of_parts(columns).items()]

"""Input layout: raw data in the order of axes, the type and the names with which a product takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from tasks.core import Column, Dataset, InputLayout, Prepared, Range, SplitName, Store, TextFormat
from tasks.data.tables import frame_layer

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LAYOUT, COLUMNS, READING = "layout", "columns", "reading"
"""Keys of a product's metadata with its `InputLayout`, with the names of the columns of a layout NC, and with the rules
by which a table is read, as JSON."""
DATES = "dates"
"""Key of a product's metadata with its inputs that are dates: name → their unit, as JSON."""
RANGES, ID = "ranges", "id"
"""Keys of a product's metadata with the training ranges, as JSON, and with the column that names a table's examples."""
UNIT_OF_DATES = "float64 seconds since 1970-01-01 00:00:00 UTC, NaN where missing"
RAW_PIXELS = "pixels"
"""Key of the type of the training data's pixels, `uint8` or `float32`: the product's own input may have another."""


def product_inputs(
    prepared: Prepared, split: SplitName, store: Store, rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """A split, or the examples at `rows` of it, as the product's inputs, by name.

    Without `prepared.layout`: `image` (count, height, width, channels); an array (count, …) under its own name; or a
    (count, 1) array for each column, float32, float64 (`frame_layer.default_type`) or text. With it, the inputs that it
    describes.

    Raises:
        InputError: a column cannot be given in the type that the layout says (`frame_layer.input_column`).
    """
    dataset, layout = prepared.dataset, prepared.layout
    digest = dataset.splits[split].inputs
    if dataset.kind == "table":
        frame = store.get_frame(digest)
        return inputs_of_frame(prepared, frame if rows is None else frame.iloc[rows])
    values = store.get_array(digest)
    values = values if rows is None else values[rows]
    return {dataset.input_name: values} if layout is None else arrange(values, layout)


def inputs_of_frame(prepared: Prepared, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Raw rows of a table, as in a split, as the product's inputs. Raises InputError as `product_inputs` does."""
    import numpy as np

    dataset, layout = prepared.dataset, prepared.layout
    if layout is not None and layout.axes == "NC":
        return {layout.name: frame.to_numpy(dtype=np.dtype(layout.dtype))}
    types = {column.name: frame_layer.default_type(column) for column in dataset.columns}
    return column_inputs(frame, dataset.columns, types if layout is None else dict(layout.columns), dataset.source)


def column_inputs(
    frame: pd.DataFrame, columns: tuple[Column, ...], types: Mapping[str, str], source: str
) -> dict[str, np.ndarray]:
    """Raw columns as the inputs of a product, a (count, 1) array for each name in `types`, in its element type.

    Raises InputError as `frame_layer.input_column` does; `source` is the file that the frame is from.
    """
    known = {column.name: column for column in columns}
    return {name: frame_layer.input_column(frame[name], known[name], dtype, source) for name, dtype in types.items()}


def reading_rules(dataset: Dataset) -> str:
    """How a table for the product is read, as JSON: `columns`, and the fields of its `TextFormat`."""
    return json.dumps({"columns": [asdict(column) for column in dataset.columns], **asdict(dataset.text_format)})


def read_rules(said: Mapping[str, str]) -> tuple[tuple[Column, ...], TextFormat] | None:
    """The columns and the format of the text in a product's metadata; None in a product without them."""
    if READING not in said:
        return None
    rules = json.loads(said[READING])
    columns = tuple(
        Column(**each | {name: tuple(each.get(name, ())) for name in ("missing", "texts", "parts")})
        for each in rules.pop("columns")
    )
    return columns, TextFormat(**{**rules, "names": tuple(rules.get("names", ()))})


def source_remarks(dataset: Dataset) -> dict[str, str]:
    """The entries of a product's metadata on its training data: their ranges, the unit of dates, and the column of the
    examples' names."""
    said = {RANGES: json.dumps([asdict(each) for each in dataset.ranges])} if dataset.ranges else {}
    dates = {column.name: UNIT_OF_DATES for column in dataset.columns if column.kind == "date"}
    said |= {DATES: json.dumps(dates)} if dates else {}
    return said | ({ID: dataset.id_column} if dataset.id_column else {})


def read_ranges(said: Mapping[str, str]) -> tuple[Range, ...]:
    """The training ranges in a product's metadata; none in a product without them."""
    return tuple(Range(**each) for each in json.loads(said.get(RANGES, "[]")))


def layout_of_table(dataset: Dataset) -> InputLayout | None:
    """The layout of a table whose columns are one input; None for all other data."""
    if not dataset.is_matrix:
        return None
    types = {frame_layer.default_type(column) for column in dataset.columns}
    return InputLayout(dataset.input_name, "NC", max(types))  # float64 where any column needs it


def layout_remarks(layout: InputLayout | None, dataset: Dataset) -> dict[str, str]:
    """The entries of a product's metadata that say how it takes raw data."""
    if layout is None or layout.axes == "columns":  # the product's inputs themselves say it
        return {}
    columns = {COLUMNS: json.dumps([column.name for column in dataset.columns])} if dataset.kind == "table" else {}
    said = {"name": layout.name, "axes": layout.axes, "dtype": layout.dtype}
    return {LAYOUT: json.dumps(said), **columns}


def arrange(values: np.ndarray, layout: InputLayout) -> dict[str, np.ndarray]:
    """Images (count, height, width, channels), or an array (count, …), as the input that `layout` describes."""
    import numpy as np

    if layout.axes == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    elif layout.axes == "NHW":
        values = values[..., 0]
    return {layout.name: np.ascontiguousarray(values, dtype=layout.dtype)}


def layout_of(said: Mapping[str, str]) -> InputLayout | None:
    """The layout in a product's metadata, if it has one."""
    return InputLayout(**json.loads(said[LAYOUT])) if LAYOUT in said else None


def disarranged(values: np.ndarray, layout: InputLayout | None) -> np.ndarray:
    """What `arrange` made, as images (count, height, width, channels) or an array (count, …) again; its type stays."""
    import numpy as np

    if layout is not None and layout.axes == "NCHW":
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    return values[..., None] if layout is not None and layout.axes == "NHW" else values

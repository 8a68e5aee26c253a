"""Input layout: raw data in the order of axes, the type and the names with which a product takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tasks.core import Column, Dataset, InputLayout, Prepared, SplitName, Store, TextFormat

if TYPE_CHECKING:
    import numpy as np

LAYOUT, COLUMNS, READING = "layout", "columns", "reading"
"""Keys of a product's metadata with its `InputLayout`, with the names of the columns of a layout NC, and with the rules
by which a table is read, as JSON."""
RAW_PIXELS = "pixels"
"""Key of the type of the training data's pixels, `uint8` or `float32`: the product's own input may have another."""


def product_inputs(prepared: Prepared, split: SplitName, store: Store) -> dict[str, np.ndarray]:
    """A split as the product's inputs, by name.

    Without `prepared.layout`: `image` (count, height, width, channels); an array (count, …) under its own name; or a
    (count, 1) array for each column, float32 or text. With it, the one input that it describes.
    """
    import numpy as np

    dataset, layout = prepared.dataset, prepared.layout
    digest = dataset.splits[split].inputs
    if dataset.kind != "table":
        values = store.get_array(digest)
        return {dataset.input_name: values} if layout is None else arrange(values, layout)
    frame = store.get_frame(digest)
    if layout is not None:
        return {layout.name: frame.to_numpy(dtype=np.dtype(layout.dtype))}
    kinds: dict[str, Any] = {"number": "float32", "category": object}
    return {column.name: frame[column.name].to_numpy(dtype=kinds[column.kind])[:, None] for column in dataset.columns}


def reading_rules(dataset: Dataset) -> str:
    """How a table for the product is read, as JSON: `columns`, and the `separator` and `encoding` of its text."""
    return json.dumps({"columns": [asdict(column) for column in dataset.columns], **asdict(dataset.text_format)})


def read_rules(said: Mapping[str, str]) -> tuple[tuple[Column, ...], TextFormat] | None:
    """The columns and the format of the text in a product's metadata; None in a product without them."""
    if READING not in said:
        return None
    rules = json.loads(said[READING])
    columns = tuple(
        Column(**{**each, "missing": tuple(each["missing"]), "texts": tuple(each["texts"])})
        for each in rules.pop("columns")
    )
    return columns, TextFormat(**rules)


def layout_of_table(dataset: Dataset) -> InputLayout | None:
    """The layout of a table whose columns are one input; None for all other data."""
    return InputLayout(dataset.input_name, "NC", "float32") if dataset.is_matrix else None


def layout_remarks(layout: InputLayout | None, dataset: Dataset) -> dict[str, str]:
    """The entries of a product's metadata that say how it takes raw data."""
    if layout is None:
        return {}
    columns = {COLUMNS: json.dumps([column.name for column in dataset.columns])} if dataset.kind == "table" else {}
    return {LAYOUT: json.dumps(asdict(layout)), **columns}


def arrange(values: np.ndarray, layout: InputLayout) -> dict[str, np.ndarray]:
    """Images (count, height, width, channels), or an array (count, …), as the input that `layout` describes."""
    import numpy as np

    if layout.axes == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    elif layout.axes == "NHW":
        values = values[..., 0]
    return {layout.name: np.ascontiguousarray(values, dtype=layout.dtype)}

"""Table form: how a product takes the rows of a table, and rows read by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Column, InputError, InputLayout, Range, TextFormat
from tasks.data.input_layout import COLUMNS, ID, column_inputs, layout_of, read_ranges, read_rules
from tasks.data.profiles import training_ranges
from tasks.kernels.onnx import description

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class ProductExamples:
    """Examples for a product."""

    inputs: dict[str, np.ndarray]
    """Images (count, height, width, channels), an array (count, …), a (count, 1) array for each column; or the one
    input that the product's layout describes."""
    names: tuple[str, ...] = ()
    """The texts of the column that names the examples of a table; empty without one."""
    warnings: tuple[str, ...] = ()
    """Sentences on columns most of whose values lie outside of the training range."""


@dataclass(frozen=True)
class TableForm:
    """How a product takes the rows of a table, by the rules of its training."""

    columns: tuple[Column, ...]
    """Those that it takes, in its order."""
    types: dict[str, str]
    """The element type of each: a NumPy type name, or `string`."""
    layout: InputLayout | None
    """That of the one input into which all columns go, side by side; None where each column is an input."""
    text: TextFormat | None
    """How a text file is written, where the recipe said it."""
    id_column: str | None
    """The column that names the rows, which is no input."""
    ranges: tuple[Range, ...]
    """Those of training."""


def table_form(model: Path | bytes) -> TableForm:
    """The form in which a product takes tables, out of its metadata."""
    wanted = {tensor.name: tensor for tensor in description.interface(model)[0]}
    said = description.metadata(model)
    rules, layout = read_rules(said), layout_of(said)
    names = list(wanted) if layout is None else json.loads(said[COLUMNS])
    kinds = {name: wanted[name].dtype if name in wanted else "float64" for name in names}
    plain = tuple(Column(name, "category" if kind == "string" else "number") for name, kind in kinds.items())
    if rules is not None:
        ruled = {column.name: column for column in rules[0]}
        plain = tuple(ruled.get(column.name, column) for column in plain)
    return TableForm(plain, kinds, layout, rules[1] if rules else None, said.get(ID), read_ranges(said))


def examples_of_frame(frame: pd.DataFrame, form: TableForm, source: str) -> ProductExamples:
    """A table's rows as the product takes them: each column by its name, or all side by side as one input.

    Other columns are ignored.

    Args:
        frame: the table as it was read from a file or a request.
        form: the product's.
        source: what messages call the table.

    Raises:
        InputError: there is no row, or a column is missing, of another kind, or holds mostly unknown texts.
    """
    import numpy as np

    exact = _read_columns(frame, form.columns, source)
    found = column_inputs(exact, form.columns, form.types, source)
    warnings = tuple(training_ranges.unusual_columns(found, form.ranges))
    if form.layout is not None:
        side_by_side = np.concatenate([found[name] for name in form.types], axis=1)
        found = {form.layout.name: side_by_side.astype(form.layout.dtype)}
    return ProductExamples(found, names_in(frame, form.id_column), warnings)


def names_in(frame: pd.DataFrame, column: str | None) -> tuple[str, ...]:
    """The texts of the column that names the rows; none where there is no such column."""
    from tasks.data.readers import cells, data_frames

    places = [place for place, name in enumerate(frame.columns) if data_frames.plain_name(name) == column]
    return tuple(cells.text_of(frame.iloc[:, places[0]])) if places else ()


def _read_columns(frame: pd.DataFrame, kinds: tuple[Column, ...], source: str) -> pd.DataFrame:
    """The columns that the model takes, read in the same way as the training data (`data_frames.align_columns`)."""
    import numpy as np

    from tasks.data.readers import data_frames
    from tasks.data.readers.examples import Examples, Request, Rows

    frame = frame.set_axis([data_frames.plain_name(name) for name in frame.columns], axis=1)
    request = Request(source, field="INPUT")
    if not len(frame):
        raise InputError(f"{source} must hold at least one row", path=request.field)
    rows = Rows("table", Examples(frame, np.zeros(len(frame))))
    clean: Any = data_frames.align_columns(rows, kinds, request).train.inputs
    found: pd.DataFrame = clean
    return found

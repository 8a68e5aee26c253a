"""Request log: rows that were served, as batches of the kind that `monitor` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.loop.serving.request_journal import RequestJournal
from flows.loop.serving.served_product import ServedRows
from tasks.data.input_layout import RAW_PIXELS, disarranged, layout_of
from tasks.data.table_form import TableForm, table_form
from tasks.kernels.onnx import description
from tasks.monitoring.example_columns import kind_of_examples

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SERVED = "served."
"""Begins the names of what is no input: `served.time` (UTC), `served.version`, and each answer. No target is called so:
an answer must never be taken for a true label."""
INPUT = "input"
"""The column of an example's bytes in the open file of images and other arrays."""


class RequestLog:
    """The log of one server: of a table Parquet files of its raw columns, of images and other arrays .npz files."""

    def __init__(self, folder: Path, model: Path, version: int, days: int, tell: Callable[[str], None]) -> None:
        """A log.

        Args:
            folder: where the batches are.
            model: the product's file.
            version: its number in the registry.
            days: after which a batch is deleted.
            tell: as `RequestJournal` takes it.

        Raises:
            InputError: the folder is a file.
        """
        self._version = version
        self._form = table_form(model) if kind_of_examples(model) == "table" else None
        self._tensor, self._said = description.interface(model)[0][0], description.metadata(model)
        named = self._form.id_column if self._form else None
        seals = {".npz": write_arrays, ".parquet": lambda table, path: write_table(unique_ids(table, named), path)}
        ending = ".npz" if self._form is None else ".parquet"
        self._journal = RequestJournal(folder, ending, seals[ending], days, tell)

    def note(self, rows: ServedRows) -> None:
        """Writes rows; that it fails is told, not raised."""
        import pyarrow as pa

        count = len(next(iter(rows.inputs.values())))
        columns: dict[str, pa.Array] = {
            f"{SERVED}time": pa.array([datetime.now(UTC)] * count, pa.timestamp("us", "UTC")),
            f"{SERVED}version": pa.array([self._version] * count, pa.int64()),
            **{f"{SERVED}{name}": _column(values) for name, values in rows.answers.items()},
        }
        about: dict[str, str] = {}
        if self._form is not None:
            columns |= table_columns(rows, self._form)
        else:
            values = self._raw(rows.inputs[self._tensor.name])
            about = {"name": self._tensor.name, "dtype": values.dtype.name, "shape": json.dumps(values.shape[1:])}
            columns[INPUT] = pa.array([each.tobytes() for each in values], pa.large_binary())
        schema = pa.schema([(name, each.type) for name, each in columns.items()], about)
        self._journal.append(pa.RecordBatch.from_arrays(list(columns.values()), schema=schema))

    def close(self) -> None:
        """Seals what is open."""
        self._journal.close()

    def _raw(self, values: np.ndarray) -> np.ndarray:
        """The examples as files hold them."""
        raw = disarranged(values, layout_of(self._said))
        return raw.astype(self._said.get(RAW_PIXELS, raw.dtype.name))


def table_columns(rows: ServedRows, form: TableForm) -> dict[str, pa.Array]:
    """The raw columns of a table's rows, and the one that names them: dates as times, text empty where missing."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from tasks.data.tables.date_forms import as_datetimes

    values = dict(rows.inputs)
    if form.layout is not None:
        values = dict(zip(form.types, rows.inputs[form.layout.name].T, strict=True))
    found = {column.name: np.ravel(values[column.name]) for column in form.columns}
    columns = {name: _column(each) for name, each in found.items()}
    for column in form.columns:
        if column.kind == "date":
            columns[column.name] = pa.array(as_datetimes(pd.Series(found[column.name])), pa.timestamp("us"))
    if form.id_column is not None:
        count = len(next(iter(found.values())))
        columns[form.id_column] = pa.array(rows.names or [""] * count, pa.string())
    return columns


def _column(values: np.ndarray) -> pa.Array:
    """Values (count,) or (count, …) as a column; of more than one number a row, lists."""
    import pyarrow as pa

    if values.dtype.kind in "OU":
        return pa.array([str(each) for each in values.ravel()], pa.string())
    if values.ndim > 1:
        return pa.array(list(values.reshape(len(values), -1)), pa.list_(pa.from_numpy_dtype(values.dtype)))
    return pa.array(values)


def unique_ids(table: pa.Table, column: str | None) -> pa.Table:
    """The rows with each id only where it was asked for last: a label that comes later is of one row."""
    import pyarrow as pa

    if column is None:
        return table
    ids = table.column(column).to_pylist()
    last = {name: row for row, name in enumerate(ids)}
    kept = [name if last[name] == row else "" for row, name in enumerate(ids)]
    return table.set_column(table.schema.get_field_index(column), column, pa.array(kept, pa.string()))


def write_table(table: pa.Table, path: Path) -> None:
    """Writes rows of a table as a Parquet file."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path)


def write_arrays(table: pa.Table, path: Path) -> None:
    """Writes examples as an .npz file: the product's input by its name, (count, …), and what was served."""
    import numpy as np

    about: Mapping[bytes, bytes] = table.schema.metadata
    shape, dtype = json.loads(about[b"shape"]), about[b"dtype"].decode()
    data = b"".join(each.as_py() for each in table.column(INPUT))
    found: dict[str, Any] = {about[b"name"].decode(): np.frombuffer(data, dtype).reshape(-1, *shape)}
    for name in table.column_names:
        if name != INPUT:
            values = table.column(name).to_pylist()
            is_time = name == f"{SERVED}time"
            found[name] = np.array([each.isoformat() for each in values] if is_time else values)
    with path.open("wb") as file:
        np.savez(file, **found)

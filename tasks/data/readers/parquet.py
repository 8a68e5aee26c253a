"""Parquet files: a table, or encoded images with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import InputError
from tasks.data.images import image_batch, image_profile
from tasks.data.images.image_faults import faults_text
from tasks.data.readers import cells, data_frames, group_columns
from tasks.data.readers.examples import Examples, Request, Rows, leave_out

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(request: Request) -> Rows:
    """Images from a Parquet file with a column of encoded images, otherwise a table.

    The image column is `data.inputs`, or else the first one that holds bytes or structs with a field `bytes`. Raises
    InputError when the file cannot be read or lacks a column.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(request.path)
        column = _image_column(schema, request)
        if column is None:
            return data_frames.frame_rows(parquet.read_table(request.path).to_pandas(), request)
        wanted = (column, request.target, request.order, *request.groups)
        names = [name for name in wanted if name in schema.names]
        table = parquet.read_table(request.path, columns=list(dict.fromkeys(names)))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{request.source} must be a Parquet file: {error}", path=request.field) from error
    return _images(table, column, schema, request)


def _image_column(schema: pa.Schema, request: Request) -> str | None:
    if request.kind == "table":
        return None
    if request.inputs is None:
        return next((field.name for field in schema if _holds_bytes(field.type)), None)
    data_frames.check_column(request.inputs, "data.inputs", schema.empty_table().to_pandas(), request)
    if not _holds_bytes(schema.field(request.inputs).type):
        raise InputError(
            f"must name a column of {request.source} that holds encoded images",
            path="data.inputs",
            value=request.inputs,
        )
    return request.inputs


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _images(table: pa.Table, column: str, schema: pa.Schema, request: Request) -> Rows:
    labels = schema.remove(schema.get_field_index(column)).empty_table().to_pandas()
    target = data_frames.check_column(request.target, "data.target", labels, request)
    if request.order is not None:
        data_frames.check_column(request.order, "data.split.column", labels, request)
    for name in request.groups:
        data_frames.check_column(name, "data.groups", labels, request)
    encoded = [item["bytes"] if isinstance(item, dict) else item for item in table.column(column).to_pylist()]
    if not encoded:
        raise InputError(f"{request.source} must hold at least one row", path=request.field)
    names = [f"row {row}" for row in range(len(encoded))]
    try:
        decoded = image_batch.decode_all(
            *(lambda row: encoded[row] or b"", names, request.size, request.shape, request.progress),
            mixed_size=request.mixed_size,
        )
    except InputError as error:
        raise error if error.path else error.at(path=request.field) from error
    law = "images must decode"
    if decoded.faults and request.on_bad == "stop":
        text = faults_text({names[row]: why for row, why in decoded.faults.items()}, len(names))
        raise InputError(
            f"{law} in {request.source}, but {text} (data.on_bad: skip leaves them out)", path=request.field
        )
    frame = table.drop_columns([column]).to_pandas()
    order = None if request.order is None else frame[request.order]
    targets = cells.series_targets(frame[target])
    seen = image_profile.describe_images(decoded, targets, np.full(len(names), "train"))
    groups = group_columns.groups_in(frame, request)
    rows = Rows("images", Examples(decoded.pixels, targets, order, groups=groups), images=seen)
    return leave_out(rows, decoded.bad, law, request)

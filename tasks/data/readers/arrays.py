"""Arrays as a source: images if the inputs have three or four axes, a table if they have two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.core import InputError
from tasks.data.readers.examples import Examples, Request, Rows, leave_out

if TYPE_CHECKING:
    import pandas as pd


def array_rows(inputs: np.ndarray, targets: np.ndarray, request: Request) -> Rows:
    """Rows from inputs (count, height, width[, channels]) or (count, features), and targets (count,).

    Images of integers from 0 to 255 become uint8, all other numbers float32. The columns of a table are named x0,
    x1, …. Raises InputError for other shapes or types, unequal lengths, NaN and infinite values.
    """
    if inputs.dtype.kind not in "biuf" or inputs.ndim not in (2, 3, 4) or 0 in inputs.shape:
        raise InputError(
            f"inputs of {request.source} must be numbers of shape (count, height, width[, channels]) "
            "or (count, features)",
            path=request.field,
            value=f"{inputs.dtype} {inputs.shape}",
        )
    values = array_targets(targets, request)
    if len(inputs) != len(values):
        raise InputError(
            f"inputs and targets of {request.source} must be equally many",
            path=request.field,
            value=f"{len(inputs)} inputs and {len(values)} targets",
        )
    bad = _not_finite(inputs)
    if inputs.ndim == 2:
        rows = Rows("table", Examples(_table(inputs), values))
    else:
        rows = Rows("images", Examples(_images(inputs, request), values))
    return leave_out(rows, bad, "inputs must be finite in float32", request)


def array_targets(targets: np.ndarray, request: Request) -> np.ndarray:
    """Targets (count,) or (count, 1) in the form of `Examples.targets`. Raises InputError for any other array."""
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1 or targets.dtype.kind not in "biufUSO":
        raise InputError(
            f"targets of {request.source} must be numbers or text of shape (count,)",
            path=request.field,
            value=f"{targets.dtype} {targets.shape}",
        )
    if targets.dtype.kind in "iu":
        return targets.astype(np.int64)
    if targets.dtype.kind == "f":
        return targets.astype(np.float64)
    if targets.dtype.kind == "S":
        targets = np.char.decode(targets)
    if targets.dtype.kind == "b":
        targets = targets.astype(str)
    if targets.dtype.kind == "O":
        from pandas import Series

        from tasks.data.readers import data_frames

        return data_frames.series_targets(Series(targets))
    return np.char.strip(targets).astype(object)


def _not_finite(inputs: np.ndarray) -> np.ndarray:
    if inputs.dtype.kind != "f":
        return np.zeros(len(inputs), dtype=bool)
    limit = np.finfo(np.float32).max
    flat = inputs.reshape(len(inputs), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)  # NaN goes through both
    return np.asarray(~((low >= -limit) & (high <= limit)))


def _table(inputs: np.ndarray) -> pd.DataFrame:
    from pandas import DataFrame

    with np.errstate(over="ignore", invalid="ignore"):
        return DataFrame(inputs.astype(np.float32), columns=[f"x{index}" for index in range(inputs.shape[1])])


def _images(inputs: np.ndarray, request: Request) -> np.ndarray:
    images = inputs if inputs.ndim == 4 else inputs[:, :, :, None]
    if images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise InputError(
            f"images of {request.source} must be (count, height, width, channels)",
            path=request.field,
            value=images.shape,
            nearest=f"move the channels to the end: {(images.shape[0], *images.shape[2:], images.shape[1])}",
        )
    if images.dtype.kind in "biu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        return images.astype(np.float32, copy=False)

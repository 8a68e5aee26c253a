"""Arrays as a source: images if the inputs have three or four axes, else one array that stays one input of its name."""

from __future__ import annotations

import numpy as np

from tasks.core import InputError
from tasks.data.readers.examples import Examples, Request, Rows, leave_out

NAME = "inputs"
"""The name of an array that its source gives none."""


def array_rows(inputs: np.ndarray, targets: np.ndarray, request: Request, name: str = NAME) -> Rows:
    """Rows from inputs (count, …) and targets (count,).

    Inputs (count, height, width[, channels]) are images, unless the request says `kind: array`; all others are an
    array. Whole numbers from 0 to 255 of images, and uint8 and bool of arrays, become uint8; other whole numbers of
    arrays int64; all else float32.

    Args:
        name: the array's name, which the product's input gets.

    Raises:
        InputError: another shape or type, unequal lengths, or NaN and infinite values.
    """
    if inputs.dtype.kind not in "biuf" or inputs.ndim < 2 or 0 in inputs.shape:
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
    if inputs.ndim in (3, 4) and request.kind != "array":
        rows = Rows("images", Examples(_images(inputs, request), values))
    else:
        rows = Rows("array", Examples(compact_numbers(inputs), values), name=name)
    return leave_out(rows, bad, "inputs must be finite in float32", request)


def compact_numbers(inputs: np.ndarray) -> np.ndarray:
    """Numbers as uint8 where they are uint8 or bool, other whole numbers as int64, all else as float32."""
    if inputs.dtype.kind in "biu":
        return inputs.astype(np.uint8 if inputs.dtype.itemsize == 1 and inputs.dtype != np.int8 else np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        return inputs.astype(np.float32, copy=False)


def array_targets(targets: np.ndarray, request: Request) -> np.ndarray:
    """Targets (count,), (count, 1) or one-hot (count, classes) in the form of `Examples.targets`.

    The class of a one-hot row is the number of its column. Raises InputError for any other array.
    """
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if is_one_hot(targets):
        return np.asarray(targets.argmax(axis=1), np.int64)
    if targets.ndim != 1 or targets.dtype.kind not in "biufUSO":
        raise InputError(
            f"targets of {request.source} must be one number or text for each example, or one-hot rows",
            path=request.field,
            value=f"{targets.dtype} {targets.shape}",
            nearest=_single_target(targets),
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

        from tasks.data.readers import cells

        return cells.series_targets(Series(targets))
    return np.char.strip(targets).astype(object)


def is_one_hot(targets: np.ndarray) -> bool:
    """Whether targets are (count, classes) with a single 1 in every row, all else 0, and no column without a 1."""
    if targets.ndim != 2 or targets.dtype.kind not in "biuf" or targets.size == 0:
        return False
    ones = targets == 1
    return bool((ones | (targets == 0)).all() and (ones.sum(axis=1) == 1).all() and ones.any(axis=0).all())


def _single_target(targets: np.ndarray) -> str | None:
    if targets.ndim == 2 and targets.dtype.kind in "biuf":
        return f"one of its {targets.shape[1]} columns alone, a model for each"
    return None


def _not_finite(inputs: np.ndarray) -> np.ndarray:
    if inputs.dtype.kind != "f":
        return np.zeros(len(inputs), dtype=bool)
    limit = np.finfo(np.float32).max
    flat = inputs.reshape(len(inputs), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)  # NaN goes through both
    return np.asarray(~((low >= -limit) & (high <= limit)))


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

"""Python functions as a source: `package.module:function` is called without arguments and returns the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.core import InputError
from tasks.core.import_path import resolve
from tasks.data.readers import arrays, data_frames
from tasks.data.readers.examples import Request, Rows


def read_function(request: Request) -> Rows:
    """Calls the function, which returns (inputs, targets), or a data frame with the column `data.target`.

    Exceptions of the function are not caught. Raises InputError when it does not exist or returns anything else.
    """
    return _rows(resolve(request.source, request.field)(), request)


def _rows(result: Any, request: Request) -> Rows:
    from pandas import DataFrame

    if isinstance(result, DataFrame):
        return data_frames.frame_rows(result, request)
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(
            f"{request.source} must return (inputs, targets) or a data frame",
            path=request.field,
            value=type(result).__name__,
        )
    inputs, targets = result
    if isinstance(inputs, DataFrame):
        name = request.target or "target"
        if len(inputs) != len(targets):
            raise InputError(
                f"inputs and targets of {request.source} must be equally many",
                path=request.field,
                value=f"{len(inputs)} inputs and {len(targets)} targets",
            )
        frame = inputs.assign(**{name: np.asarray(targets)})
        return data_frames.frame_rows(frame, replace(request, target=name))
    try:
        pair = np.asarray(inputs), np.asarray(targets)
    except ValueError as error:  # raised by NumPy for rows of unequal lengths
        raise InputError(f"{request.source} must return arrays: {error}", path=request.field) from error
    return arrays.array_rows(*pair, request)

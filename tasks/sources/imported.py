"""The user's own function, `package.module:function`, called without arguments: arrays or a frame."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tasks.artifacts import InputError, nearest
from tasks.sources import arrays, frames
from tasks.sources.rows import Request, Rows

_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_import_path(source: str) -> bool:
    """Whether a source is written as `package.module:function`."""
    return _FORM.fullmatch(source) is not None


def read(request: Request) -> Rows:
    """Calls the function; it returns (inputs, targets) or a frame that has the column `data.target`.

    What the function raises goes through. Raises InputError when it is absent or returns anything else.
    """
    module_name, name = request.source.split(":")
    module = _module(module_name, request)
    function = getattr(module, name, None)
    if not callable(function):
        near = nearest(name, (key for key, value in vars(module).items() if callable(value)))
        raise InputError(
            f"must name a function of the module {module_name}",
            path=request.field,
            value=name,
            nearest=near and f"{module_name}:{near}",
        )
    return _rows(function(), request)


def module_file(source: str) -> Path | None:
    """The file of an import path's module, found without running it; None when it is absent."""
    _allow_current_folder()
    try:
        spec = importlib.util.find_spec(source.split(":")[0])
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _allow_current_folder() -> None:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    importlib.invalidate_caches()


def _module(name: str, request: Request) -> ModuleType:
    _allow_current_folder()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise InputError(
            "must name a module that can be imported, from the current folder or installed",
            path=request.field,
            value=request.source,
            nearest=_nearest_module(name, request),
        ) from None


def _nearest_module(name: str, request: Request) -> str | None:
    parent, _, last = name.rpartition(".")
    folder = Path.cwd().joinpath(*parent.split(".")) if parent else Path.cwd()
    near = nearest(last, (module.name for module in pkgutil.iter_modules([str(folder)])))
    function = request.source.split(":")[1]
    return near and f"{parent}.{near}:{function}".removeprefix(".")


def _rows(result: Any, request: Request) -> Rows:
    from pandas import DataFrame

    if isinstance(result, DataFrame):
        return frames.rows_of(result, request)
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
        return frames.rows_of(frame, replace(request, target=name))
    try:
        pair = np.asarray(inputs), np.asarray(targets)
    except ValueError as error:  # numpy's word for rows of unequal lengths
        raise InputError(f"{request.source} must return arrays: {error}", path=request.field) from error
    return arrays.rows_of(*pair, request)

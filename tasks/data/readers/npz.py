"""NumPy archives (.npz): one array of inputs and one of targets, with usual names or those given in the recipe."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace

import numpy as np

from tasks.core import InputError, nearest_choice
from tasks.data.readers import arrays, group_columns
from tasks.data.readers.examples import Request, Rows

_INPUTS = ("inputs", "x", "images", "data")
_TARGETS = ("targets", "y", "labels")


def read_npz(request: Request) -> Rows:
    """Images or another array from an .npz file (see `arrays.array_rows`).

    Raises InputError when the file is damaged, lacks an array, or holds pickled objects, which are never loaded.
    """
    if not zipfile.is_zipfile(request.path):
        raise InputError(f"{request.source} must be an .npz file: an archive of arrays", path=request.field)
    try:
        with np.load(request.path, allow_pickle=False) as archive:
            inputs = _pick(request.inputs, "data.inputs", _INPUTS, archive.files, request)
            targets = _pick(request.target, "data.target", _TARGETS, archive.files, request)
            for name in request.groups:
                _pick(name, "data.groups", (), archive.files, request)
            loaded = {name: _array(archive, name, request) for name in (inputs, targets, *request.groups)}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise InputError(f"{request.source} must be an .npz file that is whole: {error}", path=request.field) from error
    rows = arrays.array_rows(loaded[inputs], loaded[targets], request, name=inputs)
    return _with_groups(rows, {name: loaded[name] for name in request.groups}, replace(request, target=targets))


def _with_groups(rows: Rows, columns: dict[str, np.ndarray], request: Request) -> Rows:
    """`rows` with the groups of their examples. Raises InputError for arrays that are not one value for each."""
    from pandas import DataFrame

    if not columns:
        return rows
    count = len(rows.train) + len(rows.skipped)
    for name, values in columns.items():
        if values.shape != (count,):
            law = f"must name arrays of {request.source} with one value for each of the {count} examples"
            raise InputError(law, path="data.groups", value=f"{name} {values.shape}")
    groups = group_columns.groups_in(DataFrame(columns), request)
    at = rows.train.at
    if groups is not None and at is not None:
        groups = groups.iloc[at]
    return replace(rows, train=replace(rows.train, groups=groups))


def _pick(name: str | None, field: str, usual: tuple[str, ...], held: list[str], request: Request) -> str:
    if name is None:
        found = next((choice for choice in usual if choice in held), None)
        if found is None:
            raise InputError(
                f"must name an array of {request.source}, which has none called {', '.join(usual)}; "
                f"its arrays are {', '.join(held)}",
                path=field,
            )
        return found
    if name not in held:
        raise InputError(
            f"must name an array of {request.source}",
            path=field,
            value=name,
            nearest=nearest_choice(name, held) or ", ".join(held),
        )
    return name


def _array(archive: np.lib.npyio.NpzFile, name: str, request: Request) -> np.ndarray:
    try:
        array: np.ndarray = archive[name]
    except ValueError as error:  # raised by NumPy for an array of pickled objects, and for an unreadable header
        raise InputError(
            f"array {name!r} of {request.source} must be plain numbers or text, never pickled objects",
            path=request.field,
        ) from error
    return array

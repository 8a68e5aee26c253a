"""Readers: each module reads one kind of source; this one chooses the reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tasks.core import InputError, nearest_choice
from tasks.core.import_path import is_import_path
from tasks.data.readers import csv_table, idx, image_folder, npz, parquet, python_function, sklearn_datasets
from tasks.data.readers.examples import Examples, Kind, Request, Rows

__all__ = [
    "Examples",
    "Kind",
    "Request",
    "Rows",
    "read_source",
    "reader_of",
]


@dataclass(frozen=True)
class Reader:
    """One kind of source: its name in messages, its reading function, and the optional settings it accepts."""

    title: str
    read: Callable[[Request], Rows]
    settings: tuple[str, ...]


TYPED = ("target", "id", "drop", "types", "dates")
"""Settings of tables whose columns have types."""
TEXT = ("separator", "decimal", "encoding")
"""Settings of text files."""
CSV = Reader("a CSV table", csv_table.read_csv, ("target", "id", "drop", "names", "types", "dates", *TEXT))
PARQUET = Reader("a Parquet file", parquet.read_parquet, ("target", "inputs", "id", "drop", "size", "types", "dates"))
NPZ = Reader("an .npz file", npz.read_npz, ("target", "inputs"))
IDX = Reader("a folder of IDX files", idx.read_idx, ())
FOLDER = Reader("a folder of images", image_folder.read_image_folder, ("size",))
SHIPPED = Reader("a data set that scikit-learn ships", sklearn_datasets.read_sklearn, TYPED)
IMPORTED = Reader("an import path", python_function.read_function, TYPED)

SUFFIXES: dict[str, Reader] = {**dict.fromkeys(csv_table.SUFFIXES, CSV), ".parquet": PARQUET, ".npz": NPZ}


def read_source(request: Request) -> Rows:
    """Reads a whole source.

    Raises InputError when it is missing or malformed, is not of the requested kind, or does not take a setting.
    """
    reader = reader_of(request.source, request.field)
    for setting in ("target", "inputs", "id", "drop", "names", "size", "types", "dates", *TEXT):
        value = getattr(request, setting)
        if value and setting not in reader.settings and request.field == "data.source":
            raise InputError(f"means nothing for {reader.title}", path=f"data.{setting}", value=value)
    rows = reader.read(request)
    if request.kind not in (None, rows.kind):
        raise InputError(
            f"must be what {request.source} holds", path="data.kind", value=request.kind, nearest=rows.kind
        )
    if request.order is not None and rows.train.order is None:
        raise InputError(f"{reader.title} has no columns", path="data.split.column", value=request.order)
    if request.groups and rows.train.groups is None:
        raise InputError(f"{reader.title} has no columns", path="data.groups", value=", ".join(request.groups))
    return rows


def reader_of(source: str, field: str = "data.source") -> Reader:
    """The reader for a source, by its name and by whether it is a folder. Raises InputError when there is none."""
    if source.startswith(sklearn_datasets.PREFIX):
        return SHIPPED
    path = Path(source).expanduser()
    if not path.exists():
        if is_import_path(source):
            return IMPORTED
        raise InputError("must be a file or folder that exists", path=field, value=source, nearest=_nearest_path(path))
    if path.is_dir():
        return IDX if idx.is_idx(path) else FOLDER
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise InputError(
            f"must be a folder, an import path, sklearn:NAME, or a file that ends with {', '.join(SUFFIXES)}",
            path=field,
            value=source,
            nearest=nearest_choice(path.suffix, SUFFIXES),
        )
    return SUFFIXES[suffix]


def _nearest_path(path: Path) -> str | None:
    parent = path.parent
    name = nearest_choice(path.name, sorted(item.name for item in parent.iterdir())) if parent.is_dir() else None
    return name and str(parent / name)

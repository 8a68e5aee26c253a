"""A cheap digest of a source as it stands, for cache keys: another stamp means other data."""

from __future__ import annotations

from pathlib import Path

from tasks.core import digest_file, digest_of
from tasks.core.import_path import is_import_path, module_file
from tasks.data.readers import sklearn_datasets


def stamp_of(source: str) -> str:
    """SHA-256 of what a source is now; what is absent has a stamp too, so that reading it can say so.

    A file: its bytes. A folder: names, sizes and times of change of its files. `sklearn:NAME`: the name.
    An import path: the path and its module's file; the data behind the function are not looked at.
    """
    path = Path(source).expanduser()
    if source.startswith(sklearn_datasets.PREFIX):
        return digest_of(source)
    if path.is_dir():
        return digest_of([_file_stamp(file, path) for file in sorted(path.rglob("*")) if file.is_file()])
    if path.exists():
        return digest_file(path)
    module = module_file(source) if is_import_path(source) else None
    return digest_of([source, digest_file(module) if module and module.is_file() else None])


def _file_stamp(file: Path, folder: Path) -> list[str | int]:
    status = file.stat()
    return [str(file.relative_to(folder)), status.st_size, status.st_mtime_ns]

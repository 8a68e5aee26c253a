"""Source fingerprint: a digest of a source's present content, for cache keys, that is cheap to compute."""

from __future__ import annotations

from pathlib import Path

from tasks.core import digest_file, digest_of
from tasks.core.import_path import is_import_path, module_stamp
from tasks.data.images.image_files import scan_files
from tasks.data.readers import sklearn_datasets


def stamp_of(source: str) -> str:
    """SHA-256 that changes when the source changes.

    Of a file: its bytes. Of a folder: names, sizes and modification times of its visible files. Of `sklearn:NAME`: the
    name. Of an import path: the path and its module's file, but not the data that the function reads. A missing source
    has a stamp, too; the error comes when it is read.
    """
    path = Path(source).expanduser()
    if source.startswith(sklearn_datasets.PREFIX):
        return digest_of(source)
    if path.is_dir():
        return digest_of([_file_stamp(file, path) for file in scan_files(path).all_files])
    if path.exists():
        return digest_file(path)
    return module_stamp(source) if is_import_path(source) else digest_of([source, None])


def _file_stamp(file: Path, folder: Path) -> list[str | int]:
    status = file.stat() if file.exists() else file.lstat()  # a link that leads nowhere
    return [str(file.relative_to(folder)), status.st_size, status.st_mtime_ns]

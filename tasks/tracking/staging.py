"""Staging: prepares files in a temporary folder before they are uploaded or moved to their place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.core.errors import InputError


@contextmanager
def staged(files: Mapping[str, Path], texts: Mapping[str, str]) -> Iterator[Path]:
    """Context with a temporary folder that contains links to `files`, and `texts` in UTF-8, by relative path.

    Raises:
        InputError: a relative path leads out of the folder.
        FileNotFoundError: a file does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
        for name, file in files.items():
            _inside(Path(folder), name).symlink_to(file.resolve(strict=True))
        for name, text in texts.items():
            _inside(Path(folder), name).write_text(text, encoding="utf-8")
        yield Path(folder)


def create_once(file: Path, make: Callable[[Path], object]) -> None:
    """Creates a file that does not exist yet, atomically: `make` writes it in a temporary folder, then it is linked.

    When another process creates it at the same time, the first one's file stays.
    """
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".creating-") as folder:
        new = Path(folder) / file.name
        make(new)
        with suppress(FileExistsError):  # another process was faster
            os.link(new, file)


def _inside(folder: Path, name: str) -> Path:
    place = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or place == folder:
        raise InputError("an artifact's path must stay inside its run", value=name)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place

"""Staging: what is made aside in a temporary folder before it goes where it belongs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.core.errors import InputError


@contextmanager
def staged(files: Mapping[str, Path], texts: Mapping[str, str]) -> Iterator[Path]:
    """A folder that lives as long as the block: links to files, and texts in UTF-8, by relative path.

    Raises:
        InputError: a path leaves the folder.
        FileNotFoundError: a file does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
        for name, file in files.items():
            _inside(Path(folder), name).symlink_to(file.resolve(strict=True))
        for name, text in texts.items():
            _inside(Path(folder), name).write_text(text, encoding="utf-8")
        yield Path(folder)


def create_once(file: Path, make: Callable[[Path], object]) -> None:
    """Has `make` write a file that is not there yet aside, then puts it in place whole, or not at all."""
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

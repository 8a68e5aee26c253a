"""Image files: the images below a folder, and the files that are passed over. Training and prediction list alike."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.core import InputError

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".jp2", ".avif"),
)
"""Endings of image files, in lower case; they may be written in any case."""

_SYSTEM = ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")


@dataclass(frozen=True)
class FileTree:
    """A folder's visible files and folders, each in the order of names."""

    path: Path
    files: tuple[Path, ...]
    folders: tuple[FileTree, ...]

    @cached_property
    def all_files(self) -> tuple[Path, ...]:
        """The files at any depth, in the order of their paths."""
        below = (file for folder in self.folders for file in folder.all_files)
        return tuple(sorted((*self.files, *below)))

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """The image files at any depth, in the order of their paths."""
        return tuple(file for file in self.all_files if is_image(file))

    @property
    def loose(self) -> tuple[Path, ...]:
        """The image files directly in the folder."""
        return tuple(file for file in self.files if is_image(file))

    @property
    def passed_over(self) -> dict[str, int]:
        """Ending → number of the other files at any depth, the most frequent first."""
        endings = Counter(file.suffix.lower() or "without ending" for file in self.all_files if not is_image(file))
        return dict(sorted(endings.items(), key=lambda item: (-item[1], item[0])))


def scan_files(folder: Path, above: frozenset[Path] = frozenset()) -> FileTree:
    """The visible files of a folder, at any depth.

    Not visible are names that begin with a dot and what operating systems leave behind (`__MACOSX`, `Thumbs.db`, …).
    Links are followed, but not to a folder in which they lie themselves. Raises InputError for a folder that may not
    be listed.

    Args:
        above: the folders in which this one lies, resolved.
    """
    above = above | {folder.resolve()}
    try:
        names = sorted(name for name in os.listdir(folder) if not is_hidden(name))
    except OSError as error:
        raise InputError(f"cannot be listed ({error.strerror})", file=str(folder)) from error
    items = [folder / name for name in names]
    folders = [item for item in items if item.is_dir()]
    files = [item for item in items if item.is_file() or (item.is_symlink() and not item.exists())]
    inner = tuple(scan_files(each, above) for each in folders if each.resolve() not in above)
    return FileTree(folder, tuple(files), inner)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is nothing that a user put there."""
    return name.startswith(".") or name.lower() in _SYSTEM


def is_image(file: Path) -> bool:
    """Whether the name ends as that of an image file."""
    return file.suffix.lower() in SUFFIXES


def endings_text(passed_over: Mapping[str, int]) -> str:
    """`3 .txt, 1 .heic`."""
    return ", ".join(f"{count:,} {ending}" for ending, count in passed_over.items())


def names_of_examples(source: Path, count: int) -> tuple[str, ...]:
    """The files of a folder of images below it, the name of a single image, or the row numbers of any other file."""
    if source.is_dir():
        return tuple(str(file.relative_to(source)) for file in scan_files(source).images)
    return (source.name,) if is_image(source) else tuple(map(str, range(count)))

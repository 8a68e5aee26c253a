"""Image folders: one sub-folder for each class, or folders train/, val/ and test/ that each hold such sub-folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.core import InputError
from tasks.data.readers import image_decoding
from tasks.data.readers.examples import Examples, Request, Rows

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""Other files, and hidden ones, are ignored."""

_VALIDATION, _TEST = ("val", "validation", "valid"), ("test",)


def read_image_folder(request: Request) -> Rows:
    """The images of a folder, in the order of class and path; classes are named after the sub-folders.

    All parts have one shape (see `image_decoding.decode_all`). Raises InputError for a class without images, and for
    an image that cannot be decoded unless the request says `on_bad: skip`.
    """
    folders = _parts(request.path)
    files = [(part, label, file) for part, folder in enumerate(folders) for label, file in _files(folder, request)]
    pixels, bad = image_decoding.decode_all(lambda row: files[row][2].read_bytes(), len(files), request)
    names = [str(files[row][2]) for row in np.flatnonzero(bad)]
    if names and request.on_bad == "stop":
        raise InputError(
            f"images must decode in {request.source}, but {len(names)} of {len(files)} do not, "
            f"the first is {names[0]} (data.on_bad: skip leaves them out)",
            path=request.field,
        )
    part_of = np.array([part for part, _, _ in files])
    labels = np.array([label for _, label, _ in files], dtype=object)

    def part(index: int) -> Examples | None:
        chosen = np.flatnonzero((part_of == index) & ~bad)
        return Examples(pixels[chosen], labels[chosen]) if folders[index] is not None else None

    train, validation, test = part(0), part(1), part(2)
    assert train is not None  # `_parts` always gives a train folder
    return Rows("images", train, validation, test, tuple(names))


def _parts(folder: Path) -> tuple[Path, Path | None, Path | None]:
    """The train, validation and test folders; a `train` without sub-folders is a class of that name."""
    train = folder / "train"
    if not (train.is_dir() and _folders(train)):
        return folder, None, None
    validation = next((folder / name for name in _VALIDATION if (folder / name).is_dir()), None)
    test = next((folder / name for name in _TEST if (folder / name).is_dir()), None)
    return train, validation, test


def _folders(folder: Path) -> list[Path]:
    return sorted(item for item in folder.iterdir() if item.is_dir() and not item.name.startswith("."))


def _files(folder: Path | None, request: Request) -> list[tuple[str, Path]]:
    if folder is None:
        return []
    classes = _folders(folder)
    if not classes:
        raise InputError(f"{folder} must hold one sub-folder of images for each class", path=request.field)
    files = [(label.name, file) for label in classes for file in sorted(label.rglob("*")) if _is_image(file)]
    empty = {label.name for label in classes} - {label for label, _ in files}
    if empty:
        raise InputError(
            f"{folder / min(empty)} must hold at least one image ({', '.join(SUFFIXES)})", path=request.field
        )
    return files


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()

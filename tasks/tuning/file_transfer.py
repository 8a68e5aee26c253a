"""Parcels: files and store entries as arrays of bytes, which Ray maps instead of copying; none leaves its folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tasks.core import Refusal, Store, StoreError, write_atomically

Files = dict[str, np.ndarray]
"""Path below a folder -> the file's bytes (uint8)."""


def inside(folder: Path, name: str) -> Path:
    """`folder / name`. Raises Refusal when that is not below the folder, also by a link that lies there."""
    place = (folder / name).resolve()
    if place == folder.resolve() or not place.is_relative_to(folder.resolve()):
        raise Refusal(f"path {name} leaves its folder {folder}")
    return place


def names(folder: Path) -> list[str]:
    """The plain files below a folder, sorted; links are not followed."""
    found = (place for place in folder.rglob("*") if place.is_file() and not place.is_symlink())
    return sorted(place.relative_to(folder).as_posix() for place in found)


def read_bytes(file: Path) -> np.ndarray:
    """A file's bytes (uint8)."""
    return np.fromfile(file, dtype=np.uint8)


def lay_down(folder: Path, changed: Files, present: Iterable[str]) -> None:
    """Writes files below a folder, each whole or not at all, and removes those that are not `present`."""
    for name, content in changed.items():
        write_atomically(inside(folder, name), content.tobytes())
    for name in set(names(folder)) - set(present):
        (folder / name).unlink()


def put_verified(store: Store, digest: str, content: np.ndarray) -> None:
    """Puts an entry into a store. Raises StoreError when the content has another digest."""
    found = store.put(content.tobytes())
    if found != digest:
        raise StoreError(f"store entry {digest} did not arrive whole: its content has digest {found}")

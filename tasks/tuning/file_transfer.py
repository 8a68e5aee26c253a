"""File transfer: files and store entries as byte arrays, which Ray shares without copying; no path leaves its folder.

A path is refused when it leads out of the folder that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tasks.core import Refusal, Store, StoreError, write_atomically

Files = dict[str, np.ndarray]
"""Path relative to a folder → the file's bytes, uint8 (size,)."""


def inside(folder: Path, name: str) -> Path:
    """The resolved path of `folder / name`. Raises Refusal when it is not below the folder, also because of a link."""
    place = (folder / name).resolve()
    if place == folder.resolve() or not place.is_relative_to(folder.resolve()):
        raise Refusal(f"path {name} leaves its folder {folder}")
    return place


def names(folder: Path) -> list[str]:
    """The relative paths of the regular files below a folder, sorted; symbolic links are left out."""
    found = (place for place in folder.rglob("*") if place.is_file() and not place.is_symlink())
    return sorted(place.relative_to(folder).as_posix() for place in found)


def read_bytes(file: Path) -> np.ndarray:
    """A file's bytes, uint8 (size,)."""
    return np.fromfile(file, dtype=np.uint8)


def lay_down(folder: Path, changed: Files, present: Iterable[str]) -> None:
    """Writes the `changed` files below a folder, each atomically, and removes all files that are not in `present`.

    Raises:
        Refusal: a path is not below the folder.
    """
    for name, content in changed.items():
        write_atomically(inside(folder, name), content.tobytes())
    for name in set(names(folder)) - set(present):
        (folder / name).unlink()


def put_verified(store: Store, digest: str, content: np.ndarray) -> None:
    """Puts bytes, uint8 (size,), into a store. Raises StoreError when their digest is not `digest`."""
    found = store.put(content.tobytes())
    if found != digest:
        raise StoreError(f"store entry {digest} did not arrive whole: its content has digest {found}")

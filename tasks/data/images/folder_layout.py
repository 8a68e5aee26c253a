"""Folder layout: which folders of a tree are parts (train, validation, test), and which are classes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tasks.core import InputError, SplitName
from tasks.data.images.image_files import SUFFIXES, FileTree, endings_text

PARTS: dict[SplitName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""The names of the parts' folders, in any case of letters."""

Named = dict[SplitName, list[FileTree]]


@dataclass(frozen=True)
class FolderLayout:
    """The folders whose sub-folders are the classes, for each part, and sentences on what was not obvious."""

    parts: dict[SplitName, FileTree]
    """`train`, and those of the others that are there."""
    notes: tuple[str, ...]


def find_parts(tree: FileTree) -> FolderLayout:
    """The parts of a folder of images; all of it is train when it has none.

    A folder that wraps all others is looked into. Folders are parts when they have the names of parts and train, or
    another one, holds class folders. `train` beside folders of other names is a class, if it holds no class folders. A
    validation or test part without class folders is passed over: its images have no class.

    Raises:
        InputError: the folders allow two readings, or there is no train part, no class folder or an empty one; the
            message names them all.
    """
    root = _unwrapped(tree)
    notes = () if root is tree else (f"The classes are taken from {root.path}.",)
    named, beside = _by_name(root)
    split = any(_classes(folder) for folders in named.values() for folder in folders)
    if not named or (beside and (not split or "train" not in named)):
        layout = FolderLayout({"train": root}, notes)
    else:
        layout = _chosen(root, named, beside, notes)
    _refuse_empty(layout.parts["train"])
    _refuse_strangers(layout.parts)
    levels = {folder.path: folder for folder in (root, *layout.parts.values())}
    loose = tuple(_loose_text(folder) for folder in levels.values() if folder.loose)
    return FolderLayout(layout.parts, (*layout.notes, *loose))


def class_name(folder: FileTree) -> str:
    """The folder's name in Unicode's composed form: systems write the same letters in two ways."""
    return unicodedata.normalize("NFC", folder.path.name)


def _classes(tree: FileTree) -> list[FileTree]:
    return [folder for folder in tree.folders if folder.images]


def _unwrapped(tree: FileTree) -> FileTree:
    """The first folder from `tree` downwards with parts or several class folders, if each above holds only the next."""
    inner = tree
    while len(classes := _classes(inner)) == 1 and not inner.loose:
        if _part_of(classes[0]) and _classes(classes[0]):
            return inner
        inner = classes[0]
    return inner if len(classes) > 1 else tree


def _part_of(folder: FileTree) -> SplitName | None:
    name = folder.path.name.lower()
    return next((part for part, names in PARTS.items() if name in names), None)


def _by_name(root: FileTree) -> tuple[Named, list[FileTree]]:
    """The folders with the names of parts, and the others; only those that hold images."""
    named: Named = {}
    for folder in _classes(root):
        part = _part_of(folder)
        if part is not None:
            named.setdefault(part, []).append(folder)
    inside = {folder.path for folders in named.values() for folder in folders}
    return named, [folder for folder in _classes(root) if folder.path not in inside]


def _chosen(root: FileTree, named: Named, beside: list[FileTree], notes: tuple[str, ...]) -> FolderLayout:
    """The parts of a folder that has some, by name."""
    twice = [folder.path.name for folders in named.values() if len(folders) > 1 for folder in folders]
    if twice:
        raise InputError(f"{root.path} must hold each part once, but has {', '.join(twice)}")
    parts = {part: folder for part, [folder] in named.items()}
    if "train" not in parts:
        found = ", ".join(folder.path.name for folder in parts.values())
        raise InputError(f"{root.path} must hold a part named train, but has only {found}")
    names = ", ".join(folder.path.name for folder in beside)
    if beside and len(parts) == 1:
        train = parts["train"].path
        raise InputError(
            f"{root.path} must hold either parts or classes, but {train.name} holds class folders and {names} lies "
            f"beside it; write {train} for its classes alone, or move its images up for a class {train.name}"
        )
    if beside:
        notes = (*notes, f"Passed over beside the parts: {names}.")
    flat = [folder for part, folder in parts.items() if part != "train" and not _classes(folder)]
    more = [f"Passed over {folder.path}: its {len(folder.images):,} images lie in no class folder." for folder in flat]
    return FolderLayout({part: each for part, each in parts.items() if each not in flat}, (*notes, *more))


def _refuse_empty(train: FileTree) -> None:
    if not train.folders or (train.loose and not _classes(train)):
        loose = f", but its images, {len(train.loose):,}, lie in none" if train.loose else ""
        held = f", but holds {endings_text(train.passed_over)}" if not loose and train.passed_over else ""
        raise InputError(f"{train.path} must hold one sub-folder of images for each class{loose or held}")
    empty = [folder for folder in train.folders if not folder.images]
    if empty:
        held = ", ".join(
            str(folder.path) + (f" with {endings_text(folder.passed_over)}" if folder.passed_over else "")
            for folder in empty
        )
        raise InputError(f"each class folder must hold images ({', '.join(SUFFIXES)}), but there is none in {held}")


def _refuse_strangers(parts: dict[SplitName, FileTree]) -> None:
    """InputError for the classes of other parts that train lacks, all in one message."""
    known = {class_name(folder) for folder in _classes(parts["train"])}
    strange = [
        f"{folder.path} ({len(folder.images):,} images)"
        for part, tree in parts.items()
        if part != "train"
        for folder in _classes(tree)
        if class_name(folder) not in known
    ]
    if strange:
        listed = ", ".join(sorted(known)[:20])
        raise InputError(f"classes of all parts must be among those of train ({listed}), but not {', '.join(strange)}")


def _loose_text(tree: FileTree) -> str:
    return f"Passed over {len(tree.loose):,} images that lie in no class folder, such as {tree.loose[0]}."

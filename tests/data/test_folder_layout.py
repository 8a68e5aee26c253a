"""Folder layout: parts and classes are told apart, and what could be either is refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from support.encoded_images import grey_at

from tasks.core import InputError
from tasks.data.images.folder_layout import FolderLayout, class_name, find_parts
from tasks.data.images.image_files import scan_files


def layout_of(folder: Path, *files: str) -> FolderLayout:
    grey_at(*(folder / file for file in files))
    return find_parts(scan_files(folder))


def found(folder: Path, *files: str) -> dict[str, list[str]]:
    parts = layout_of(folder, *files).parts
    return {part: [class_name(each) for each in tree.folders if each.images] for part, tree in parts.items()}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("Training", "VALID", "Testing"), ("TRAIN", "Validation", "tEST")],
)
def test_parts_by_their_usual_names_in_any_case(tmp_path: Path, train: str, validation: str, test: str) -> None:
    files = [f"{part}/{label}/1.png" for part in (train, validation, test) for label in ("cat", "dog")]
    assert found(tmp_path, *files) == {part: ["cat", "dog"] for part in ("train", "validation", "test")}


@pytest.mark.parametrize(
    "files",
    [
        ("train/1.png", "bus/1.png"),
        ("train/1.png", "bus/old/1.png"),
        ("test/1.png", "control/1.png"),
        ("test/deep/1.png", "control/deep/1.png"),
        ("valid/1.png", "invalid/1.png"),
        ("train/1.png", "test/1.png", "bus/1.png"),
    ],
)
def test_a_class_may_have_the_name_of_a_part(tmp_path: Path, files: tuple[str, ...]) -> None:
    assert found(tmp_path, *files) == {"train": sorted({file.split("/")[0] for file in files})}


def test_a_folder_around_all_others_is_looked_into(tmp_path: Path) -> None:
    found_in = layout_of(tmp_path, "archive/dataset/cat/1.png", "archive/dataset/dog/1.png", "archive/dataset/2.png")
    assert found_in.parts["train"].path == tmp_path / "archive" / "dataset"
    assert found_in.notes == (
        f"The classes are taken from {tmp_path}/archive/dataset.",
        f"Passed over 1 images that lie in no class folder, such as {tmp_path}/archive/dataset/2.png.",
    )
    assert found(tmp_path / "b", "x/Train/cat/1.png", "x/Train/dog/1.png") == {"train": ["cat", "dog"]}
    assert found(tmp_path / "c", "only/1.png") == {"train": ["only"]}


def test_a_test_part_without_classes_is_passed_over_and_said(tmp_path: Path) -> None:
    found_in = layout_of(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png", "extra/1.png")
    assert list(found_in.parts) == ["train"]
    assert found_in.notes == (
        "Passed over beside the parts: extra.",
        f"Passed over {tmp_path}/test: its 2 images lie in no class folder.",
    )


def test_one_name_written_in_two_ways_is_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    files = (f"train/{composed}/1.png", "train/b/1.png", f"test/{apart}/1.png")
    assert found(tmp_path, *files) == {"train": ["b", composed], "test": [composed]}


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "no folder": (
        ("1.png", "2.png"),
        "{p} must hold one sub-folder of images for each class, but its images, 2, lie in none",
    ),
    "only others": (
        ("1.heic", "notes.txt"),
        "{p} must hold one sub-folder of images for each class, but holds 1 .heic, 1 .txt",
    ),
    "parts without classes": (
        ("train/1.png", "test/1.png"),
        "{p}/train must hold one sub-folder of images for each class, but its images, 1, lie in none",
    ),
    "empty classes": (
        ("cat/1.png", "dog/1.heic", "emu/1.txt"),
        "each class folder must hold images (.jpg, .jpeg, .jpe, .jfif, .png, .gif, .bmp, .webp, .tif, .tiff, .ppm, "
        ".pgm, .pbm, .jp2, .avif), but there is none in {p}/dog with 1 .heic, {p}/emu with 1 .txt",
    ),
    "train or class": (
        ("train/cat/1.png", "train/dog/1.png", "bus/1.png"),
        "{p} must hold either parts or classes, but train holds class folders and bus lies beside it; write {p}/train "
        "for its classes alone, or move its images up for a class train",
    ),
    "no train": (
        ("val/cat/1.png", "test/cat/1.png"),
        "{p} must hold a part named train, but has only test, val",
    ),
    "twice": (
        ("train/a/1.png", "val/a/1.png", "valid/a/1.png"),
        "{p} must hold each part once, but has val, valid",
    ),
    "strangers": (
        ("train/cat/1.png", "train/dog/1.png", "val/fox/1.png", "val/fox/2.png", "test/owl/1.png", "test/cat/1.png"),
        "classes of all parts must be among those of train (cat, dog), but not {p}/test/owl (1 images), "
        "{p}/val/fox (2 images)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_two_readings_or_none_is_refused_with_one_message(name: str, tmp_path: Path) -> None:
    files, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        layout_of(tmp_path, *files)
    assert str(caught.value) == message.format(p=tmp_path)

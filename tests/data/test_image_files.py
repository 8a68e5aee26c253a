"""Image files: visible images are listed at any depth, and what is passed over is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data.images.image_files import endings_text, names_of_examples, scan_files


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_of(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in scan_files(folder).images]


def test_images_of_all_endings_in_the_order_of_their_paths(tmp_path: Path) -> None:
    touched(tmp_path, "b.JFIF", "a/c.jp2", "a b/фото é.webp", "a.tif", "z.tiff.bak")
    assert names_of(tmp_path) == ["a/c.jp2", "a b/фото é.webp", "a.tif", "b.JFIF"]


def test_what_systems_leave_behind_is_not_seen(tmp_path: Path) -> None:
    hidden = (
        ".DS_Store",
        "x/._1.png",
        "__MACOSX/x/1.png",
        "x/Thumbs.db",
        "x/desktop.ini",
        ".git/1.png",
        "@eaDir/1.jpg",
    )
    touched(tmp_path, "x/1.png", *hidden)
    assert names_of(tmp_path) == ["x/1.png"]
    assert scan_files(tmp_path).passed_over == {}


def test_other_files_are_counted_by_ending(tmp_path: Path) -> None:
    touched(tmp_path, "1.png", "a.txt", "x/b.TXT", "x/c.heic", "x/d", "photos.zip")
    found = scan_files(tmp_path).passed_over
    assert found == {".txt": 2, ".heic": 1, ".zip": 1, "without ending": 1}
    assert endings_text(found) == "2 .txt, 1 .heic, 1 .zip, 1 without ending"


def test_links_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    touched(tmp_path, "real/1.png")
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "link").symlink_to("../real")
    (folder / "deep" / "circle").symlink_to(folder)
    (folder / "gone.png").symlink_to("nowhere.png")
    assert names_of(folder) == ["gone.png", "link/1.png"]
    assert scan_files(folder / "link").images == (folder / "link" / "1.png",)


@pytest.mark.parametrize("name", ["folder"])
def test_levels(tmp_path: Path, name: str) -> None:
    touched(tmp_path, f"{name}/1.png", "2.png", "3.txt")
    tree = scan_files(tmp_path)
    assert [folder.path.name for folder in tree.folders] == [name]
    assert tree.loose == (tmp_path / "2.png",)


def test_examples_are_named_by_their_files(tmp_path: Path) -> None:
    touched(tmp_path, "b.png", "deep/a.png", ".hidden.png")
    assert names_of_examples(tmp_path, 2) == ("b.png", "deep/a.png")
    assert names_of_examples(tmp_path / "b.png", 1) == ("b.png",)
    assert names_of_examples(tmp_path / "rows.csv", 3) == ("0", "1", "2")

"""Staging: what is made aside goes to its place whole, and stays inside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import InputError
from tasks.tracking.staging import create_once, staged


def test_files_and_texts_lie_under_their_names_while_the_block_runs(tmp_path: Path) -> None:
    source = tmp_path / ("0" * 64)
    source.write_bytes(b"model")
    with staged({"product/model.onnx": source}, {"note.txt": "größe"}) as folder:
        assert (folder / "product" / "model.onnx").read_bytes() == b"model"
        assert (folder / "note.txt").read_text(encoding="utf-8") == "größe"
    assert not folder.exists()
    assert source.exists()


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "."])
def test_a_path_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="must stay inside"), staged({}, {name: "text"}):
        pass


def test_a_file_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(new: Path) -> None:
        made.append(new)
        new.write_text("whole")

    target = tmp_path / "new folder" / "runs.db"
    create_once(target, make)
    create_once(target, make)
    assert (target.read_text(), len(made)) == ("whole", 1)
    assert [place.name for place in target.parent.iterdir()] == ["runs.db"]


def test_whoever_comes_second_keeps_what_the_first_made(tmp_path: Path) -> None:
    target = tmp_path / "runs.db"

    def make(new: Path) -> None:
        target.write_text("the other's")
        new.write_text("mine")

    create_once(target, make)
    assert target.read_text() == "the other's"


def test_a_making_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def make(new: Path) -> None:
        new.write_text("half")
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        create_once(tmp_path / "runs.db", make)
    assert list(tmp_path.iterdir()) == []

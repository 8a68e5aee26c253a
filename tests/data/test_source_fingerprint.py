"""Source fingerprints: the same source has the same one, another one has another."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tasks.data.sources.source_fingerprint import stamp_of


def test_a_file_is_stamped_by_its_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n1\n")
    before = stamp_of(str(tmp_path / "a.csv"))
    os.utime(tmp_path / "a.csv", (1, 1))
    assert stamp_of(str(tmp_path / "a.csv")) == before == stamp_of(str(tmp_path / "b.csv"))
    (tmp_path / "a.csv").write_text("x\n2\n")
    assert stamp_of(str(tmp_path / "a.csv")) != before


def test_a_folder_is_stamped_by_names_sizes_and_times(tmp_path: Path) -> None:
    file = tmp_path / "a" / "1.png"
    file.parent.mkdir()
    file.write_bytes(b"1")
    stamps = [stamp_of(str(tmp_path))]
    assert stamp_of(str(tmp_path)) == stamps[0]
    os.utime(file, (1, 1))
    stamps.append(stamp_of(str(tmp_path)))
    file.rename(tmp_path / "a" / "2.png")
    stamps.append(stamp_of(str(tmp_path)))
    assert len(set(stamps)) == 3


def test_a_folder_is_stamped_as_its_images_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("real/1.png", "data/a/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"1")
    (folder / "link").symlink_to("../real")
    (folder / "gone.png").symlink_to("nowhere")
    before = stamp_of(str(folder))
    (folder / ".DS_Store").write_bytes(b"1")
    assert stamp_of(str(folder)) == before
    (tmp_path / "real" / "2.png").write_bytes(b"2")
    assert stamp_of(str(folder)) != before


def test_an_import_path_is_stamped_by_its_module_which_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    absent = stamp_of("my_stamped:load")
    (tmp_path / "my_stamped.py").write_text("raise SystemExit\n")
    first = stamp_of("my_stamped:load")
    (tmp_path / "my_stamped.py").write_text("raise SystemExit  # changed\n")
    assert len({absent, first, stamp_of("my_stamped:load"), stamp_of("my_stamped:other")}) == 4


def test_shipped_sets_are_stamped_by_name() -> None:
    assert stamp_of("sklearn:wine") != stamp_of("sklearn:iris")

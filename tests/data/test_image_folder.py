"""Image folders: what comes out of them, and folders without classes or images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import datasets
from support.bad_data import (
    Make,
    empty_folders,
    folder,
    refusal,
    written,
)
from support.encoded_images import encoded, grey_at, two_wide

from tasks.core import InputError, Store
from tasks.data.data_spec import DataSpec
from tasks.data.readers import Request, Rows
from tasks.data.readers.image_folder import read_image_folder


def mixed(tmp_path: Path) -> str:
    """Six pictures of 8 bits for each of two classes, and one of 16 bits."""
    written(tmp_path, "photos/bee/9.png", encoded(two_wide("I;16", 300, 4000)))
    return folder(tmp_path)


BAD: dict[str, tuple[Make, str]] = {
    "empty folder": (
        lambda p: {"source": empty_folders(p)},
        "data.source: {p}/photos must hold one sub-folder of images for each class",
    ),
    "empty class folder": (
        lambda p: {"source": empty_folders(p, "ant")},
        "data.source: each class folder must hold images (.jpg, .jpeg, .jpe, .jfif, .png, .gif, .bmp, .webp, .tif, "
        ".tiff, .ppm, .pgm, .pbm, .jp2, .avif), but there is none in {p}/photos/ant",
    ),
    "images that do not decode": (
        lambda p: {"source": folder(p, "bee/2.png", "bee/3.png")},
        "data.source: images must decode in {p}/photos, but 2 of 12 do not: "
        "{p}/photos/bee/2.png (no image of a known format), {p}/photos/bee/3.png (no image of a known format) "
        "(data.on_bad: skip leaves them out)",
    ),
    "images of two ranges": (
        lambda p: {"source": mixed(p)},
        "data.source: images must have values of one range, but there are 12 8-bit (such as {p}/photos/ant/0.png), "
        "1 16-bit (such as {p}/photos/bee/9.png); save all in one form",
    ),
    "a class of which nothing is left": (
        lambda p: {"source": folder(p, *(f"bee/{row}.png" for row in range(6))), "on_bad": "skip"},
        "data.source: no image of bee in {p}/photos decodes",
    ),
    "a class that is rare, and another": (
        lambda p: {"source": rare_classes(p)},
        "data.source: classes 'emu', 'owl' of {p}/photos must have at least 3 examples (train, validation, test), "
        "but got [1, 2]",
    ),
}


def rare_classes(tmp_path: Path) -> str:
    grey_at(*(tmp_path / "photos" / name / "1.png" for name in ("emu", "owl")), tmp_path / "photos" / "owl" / "2.png")
    return folder(tmp_path)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)


def rows_of(source: Path) -> Rows:
    return read_image_folder(Request(str(source)))


def test_scans_of_12_bits_keep_their_values(tmp_path: Path) -> None:
    for label, value in (("a", 300), ("b", 4000)):
        written(tmp_path, f"{label}/1.tif", encoded(Image.new("I;16", (2, 2), value), "TIFF"))
    inputs = np.asarray(rows_of(tmp_path).train.inputs)
    assert (str(inputs.dtype), inputs[:, 0, 0, 0].tolist()) == ("float32", [300, 4000])


def test_what_was_seen_goes_with_the_rows(tmp_path: Path) -> None:
    grey_at(*(tmp_path / "set" / part / "cat" / "1.png" for part in ("Training", "Testing")))
    grey_at(tmp_path / "set" / "Training" / "dog" / "1.jfif", value=255)
    written(tmp_path, "notes.txt")
    rows = rows_of(tmp_path)
    assert rows.images["classes"] == {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1}}
    assert rows.images["suspicions"] == [
        f"The classes are taken from {tmp_path}/set.",
        "Passed over: 1 .txt.",
        "3 of 3 images are one value all over.",
    ]
    assert rows.test is not None
    assert rows.test.targets.tolist() == ["cat"]


def test_a_mistake_names_the_key_of_its_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^data\.test: "):
        read_image_folder(Request(str(tmp_path), field="data.test"))


def test_what_was_seen_is_the_profile_of_the_data(tmp_path: Path) -> None:
    written(tmp_path, "photos/notes.txt")
    store = Store(tmp_path / "store")
    dataset = datasets.ingested(DataSpec(source=folder(tmp_path), size=8), store)
    profile = store.get_json(dataset.profile)
    assert profile["sizes"] == {"different": 2, "most_frequent": [3, 4], "heights": [3, 4], "widths": [4, 4]}
    assert profile["becomes"] == {"height": 8, "width": 8, "channels": 3, "type": "uint8", "resized": 12}
    assert profile["suspicions"][0] == "Passed over: 1 .txt."

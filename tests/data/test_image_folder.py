"""Image folders without classes or images."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    Make,
    empty_folders,
    folder,
    refusal,
)

BAD: dict[str, tuple[Make, str]] = {
    "empty folder": (
        lambda p: {"source": empty_folders(p)},
        "data.source: {p}/photos must hold one sub-folder of images for each class",
    ),
    "empty class folder": (
        lambda p: {"source": empty_folders(p, "ant")},
        "data.source: {p}/photos/ant must hold at least one image "
        "(.jpg, .jpeg, .png, .gif, .bmp, .webp, .tif, .tiff, .ppm, .pgm)",
    ),
    "image that does not decode": (
        lambda p: {"source": folder(p, "bee/2.png", "bee/3.png")},
        "data.source: images must decode in {p}/photos, but 2 of 12 do not, the first is "
        "{p}/photos/bee/2.png "
        "(data.on_bad: skip leaves them out)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)

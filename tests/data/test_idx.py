"""IDX files that are not what their headers tell."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from support.bad_data import (
    TWO_IMAGES,
    Make,
    idx,
    refusal,
    written,
)

BAD: dict[str, tuple[Make, str]] = {
    "wrong magic number": (
        lambda p: {"source": idx(p, b"\0\0\x08\x01" + TWO_IMAGES[4:])},
        "data.source: {p}/idx/train-images-idx3-ubyte must begin with the magic number 0x00000803, "
        "but got '0x00000801'",
    ),
    "truncated IDX": (
        lambda p: {"source": idx(p, TWO_IMAGES[:-1])},
        "data.source: {p}/idx/train-images-idx3-ubyte must hold the 18 bytes that its header tells, but got 17",
    ),
    "IDX cut in its header": (
        lambda p: {"source": idx(p, TWO_IMAGES[:9])},
        "data.source: {p}/idx/train-images-idx3-ubyte must hold the 16 bytes that its header tells, but got 9",
    ),
    "IDX of unequal lengths": (
        lambda p: {"source": idx(p, TWO_IMAGES, struct.pack(">2I", 0x801, 1) + b"\0")},
        "data.source: train images and labels of {p}/idx must be equally many, but got '2 images and 1 labels'",
    ),
    "IDX without labels": (
        lambda p: {"source": str(Path(written(p, "idx/train-images-idx3-ubyte", TWO_IMAGES)).parent)},
        "data.source: {p}/idx must hold train-labels-idx1-ubyte (or .gz)",
    ),
    "IDX with broken gzip": (
        lambda p: {"source": str(Path(written(p, "idx/train-images-idx3-ubyte.gz", b"text")).parent)},
        "data.source: {p}/idx/train-images-idx3-ubyte.gz must be a gzip file that is whole: Not a gzipped file (b'te')",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)

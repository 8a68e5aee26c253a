"""Image faults: what is wrong with a file is said in a few words, and all files in one message."""

from __future__ import annotations

import pytest
from PIL import Image
from support.encoded_images import encoded

from tasks.data.images.image_decoding import decode_image
from tasks.data.images.image_faults import UNREADABLE, fault_of, faults_text

NOISE = Image.effect_noise((64, 64), 50)
FAULTS = {
    b"": "empty",
    bytes(40): "only zeros",
    b"\n<!DOCTYPE html><h1>404</h1>": "an HTML page",
    b"version https://git-lfs.github.com/spec/v1\noid": "a pointer of Git LFS, not the file itself",
    b"\0\0\0\x18ftypheic\0\0\0\0": "a HEIC picture",
    b"II*\0 of seven bands": "a TIFF of bands or numbers that Pillow does not read",
    b"hello": "no image of a known format",
    encoded(NOISE, "JPEG")[:900]: "truncated",
    encoded(NOISE, "BMP")[:2000]: "truncated",
}


@pytest.mark.parametrize("data", FAULTS)
def test_a_fault_is_named(data: bytes) -> None:
    with pytest.raises(UNREADABLE) as caught:
        decode_image(data)
    assert fault_of(data, caught.value) == FAULTS[data]


def test_a_file_that_cannot_be_opened() -> None:
    assert fault_of(b"", FileNotFoundError(2, "No such file or directory")) == "no such file or directory"


def test_five_faults_are_named_and_all_are_counted() -> None:
    assert faults_text({"a.jpg": "empty", "b.jpg": "truncated"}, 50) == (
        "2 of 50 do not: a.jpg (empty), b.jpg (truncated)"
    )
    many = faults_text({str(row): "empty" for row in range(1200)}, 5000)
    assert many.startswith("1,200 of 5,000 do not: 0 (empty), ")
    assert many.endswith(", 4 (empty) and 1,195 more")

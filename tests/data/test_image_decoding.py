"""Encoded images: whatever the file is, its own values come out as grey or RGB pixels, or it is named as bad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.encoded_images import BLUE, RED, deep_colour_png, encoded, on_its_side, tiff, two_wide

from tasks.data.images.image_decoding import ImageHeader, decode_image, read_header
from tasks.data.images.image_faults import UNREADABLE

WHITE = (255, 255, 255)


def palette() -> bytes:
    """A palette of red and blue whose entry 1 is transparent."""
    image = Image.new("P", (2, 1), 0)
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=bytes([255, 0]))


def animation() -> bytes:
    frames = [Image.new("RGB", (2, 1), colour) for colour in (RED, BLUE)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def deep(*values: float, dtype: Any) -> bytes:
    return tiff(np.array(values, dtype).reshape(1, -1, 1))


CASES: dict[str, tuple[bytes, Any]] = {
    "rgb": (encoded(two_wide("RGB", RED, BLUE)), [[RED, BLUE]]),
    "cmyk": (encoded(two_wide("CMYK", (0, 255, 255, 0), (255, 255, 0, 0)), "TIFF"), [[RED, BLUE]]),
    "grey": (encoded(two_wide("L", 7, 9)), [[[7], [9]]]),
    "black and white": (encoded(two_wide("1", 0, 1)), [[[0], [255]]]),
    "grey on white": (encoded(two_wide("LA", (7, 255), (9, 0))), [[[7], [255]]]),
    "colour on white": (encoded(two_wide("RGBA", (*RED, 255), (*BLUE, 0))), [[RED, WHITE]]),
    "half transparent": (encoded(two_wide("RGBA", (0, 0, 0, 51), (*BLUE, 255))), [[(204, 204, 204), BLUE]]),
    "palette on white": (palette(), [[RED, WHITE]]),
    "one colour is transparent": (encoded(two_wide("RGB", RED, BLUE), transparency=BLUE), [[RED, WHITE]]),
    "first frame": (animation(), [[RED, RED]]),
    **{f"on its side, {form}": (on_its_side(form), [[RED], [BLUE]]) for form in ("PNG", "TIFF")},
    "16 bits": (encoded(two_wide("I;16", 65535, 4000)), [[[65535], [4000]]]),
    "16 bits, TIFF": (deep(65535, 4000, dtype=np.uint16), [[[65535], [4000]]]),
    "16 bits with a sign": (deep(-4000, 4000, dtype=np.int16), [[[-4000], [4000]]]),
    "floating": (deep(-0.5, 1e6, dtype=np.float32), [[[-0.5], [1e6]]]),
}


@pytest.mark.parametrize("name", CASES)
def test_decode_gives_plain_pixels(name: str) -> None:
    data, expected = CASES[name]
    pixels = decode_image(data)
    assert pixels.dtype == (np.float32 if read_header(data).depth != "8-bit" else np.uint8)
    assert pixels.tolist() == [[list(pixel) for pixel in row] for row in expected]


@pytest.mark.parametrize("name", CASES)
def test_the_header_tells_the_shape_that_decode_gives(name: str) -> None:
    data, _ = CASES[name]
    assert read_header(data).shape == decode_image(data).shape


def test_the_header_tells_what_else_was_seen() -> None:
    assert read_header(CASES["floating"][0]) == ImageHeader((1, 2, 1), "floating", "F", transparent=False, frames=1)
    assert read_header(CASES["16 bits"][0]).depth == "16-bit"
    assert read_header(palette()).transparent
    assert read_header(animation()).frames == 2


@pytest.mark.parametrize("data", [b"", b"no image", CASES["rgb"][0][:40]])
def test_what_is_no_image_raises_one_of_the_known_errors(data: bytes) -> None:
    with pytest.raises(UNREADABLE):
        decode_image(data)


@pytest.mark.parametrize(
    "data",
    [
        deep_colour_png(),
        tiff(np.full((1, 1, 3), 4000, np.uint16)),
        tiff(np.full((1, 1, 3), 4000, np.uint16), planes=True),
        b"P6\n1 1\n4095\n" + bytes(6),
    ],
)
def test_deep_colours_are_refused_by_header_and_pixels_alike(data: bytes) -> None:
    for read in (read_header, decode_image):
        with pytest.raises(ValueError, match="colours of more than 8 bits: save it with 8 bits, or as grey"):
            read(data)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="values that are not finite"):
        decode_image(deep(1, np.nan, dtype=np.float32))


def test_no_other_program_is_started_for_a_drawing() -> None:
    with pytest.raises(UNREADABLE):
        decode_image(encoded(Image.new("L", (2, 2)), "EPS"))


def test_size_and_channels_are_as_asked() -> None:
    data = encoded(Image.new("RGB", (40, 30), RED), "JPEG")
    assert decode_image(data, (7, 5)).shape == (7, 5, 3)
    assert decode_image(data, (7, 5), channels=1).shape == (7, 5, 1)
    assert decode_image(CASES["grey"][0], channels=3).tolist() == [[[7, 7, 7], [9, 9, 9]]]
    assert decode_image(CASES["16 bits"][0], (1, 1)).tolist() == [[[(65535 + 4000) / 2]]]


def test_a_large_photo_shrinks_to_its_mean() -> None:
    """A JPEG with a left half of 50 and a right half of 150 becomes two pixels of about those values."""
    image = Image.new("L", (1600, 1200), 50)
    image.paste(150, (800, 0, 1600, 1200))
    small = decode_image(encoded(image, "JPEG"), (1, 2))
    assert small.shape == (1, 2, 1)
    assert np.abs(small[0, :, 0].astype(int) - [50, 150]).max() <= 25  # the antialiasing filter overlaps
    assert small[0, :, 0].mean() == pytest.approx(100, abs=1)

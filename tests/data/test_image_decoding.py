"""Encoded images: whatever the file is, 8-bit grey or RGB pixels come out, or it is named as bad."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.core import InputError, Update
from tasks.data.readers import UNREADABLE, Request, decode_image
from tasks.data.readers.image_decoding import decode_all, shape_of

RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def two_wide(mode: str, left: Any, right: Any) -> Image.Image:
    """One row of two pixels."""
    image = Image.new(mode, (2, 1), left)
    image.putpixel((1, 0), right)
    return image


def palette() -> bytes:
    """A palette of red and blue whose entry 1 is transparent."""
    image = Image.new("P", (2, 1), 0)
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=bytes([255, 0]))


def animation() -> bytes:
    frames = [Image.new("RGB", (2, 1), colour) for colour in (RED, BLUE)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def on_its_side() -> bytes:
    """Two wide, one high, and a note (EXIF 6) that it must be turned a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(two_wide("RGB", RED, BLUE), exif=exif)


CASES: dict[str, tuple[bytes, Any]] = {
    "rgb": (encoded(two_wide("RGB", RED, BLUE)), [[RED, BLUE]]),
    "grey": (encoded(two_wide("L", 7, 9)), [[[7], [9]]]),
    "black and white": (encoded(two_wide("1", 0, 1)), [[[0], [255]]]),
    "grey with alpha": (encoded(two_wide("LA", (7, 255), (9, 0))), [[[7], [9]]]),
    "16-bit grey": (encoded(two_wide("I;16", 65535, 257 * 3)), [[[255], [3]]]),
    "alpha is dropped": (encoded(two_wide("RGBA", (*RED, 255), (*BLUE, 0))), [[RED, BLUE]]),
    "palette with transparency": (palette(), [[RED, BLUE]]),
    "first frame": (animation(), [[RED, RED]]),
    "orientation": (on_its_side(), [[RED], [BLUE]]),
}


@pytest.mark.parametrize("name", CASES)
def test_decode_gives_plain_pixels(name: str) -> None:
    data, expected = CASES[name]
    pixels = decode_image(data)
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[list(pixel) for pixel in row] for row in expected]


@pytest.mark.parametrize("name", CASES)
def test_the_header_tells_the_shape_that_decode_gives(name: str) -> None:
    data, _ = CASES[name]
    assert shape_of(data) == decode_image(data).shape


def test_the_header_of_an_image_without_fixed_range_is_refused_too() -> None:
    with pytest.raises(ValueError, match="mode F has no fixed range of values"):
        shape_of(encoded(Image.new("F", (2, 1)), "TIFF"))


@pytest.mark.parametrize("data", [b"", b"no image", CASES["rgb"][0][:40], encoded(Image.new("F", (2, 1)), "TIFF")])
def test_what_is_no_image_raises_one_of_the_known_errors(data: bytes) -> None:
    with pytest.raises(UNREADABLE):
        decode_image(data)


def test_size_and_channels_are_as_asked() -> None:
    data = encoded(Image.new("RGB", (40, 30), RED), "JPEG")
    assert decode_image(data, (7, 5)).shape == (7, 5, 3)
    assert decode_image(data, (7, 5), channels=1).shape == (7, 5, 1)
    assert decode_image(CASES["grey"][0], channels=3).tolist() == [[[7, 7, 7], [9, 9, 9]]]


def test_a_large_photo_shrinks_to_its_mean() -> None:
    """A JPEG with a left half of 50 and a right half of 150 becomes two pixels of about those values."""
    image = Image.new("L", (1600, 1200), 50)
    image.paste(150, (800, 0, 1600, 1200))
    small = decode_image(encoded(image, "JPEG"), (1, 2))
    assert small.shape == (1, 2, 1)
    assert np.abs(small[0, :, 0].astype(int) - [50, 150]).max() <= 25  # the antialiasing filter overlaps
    assert small[0, :, 0].mean() == pytest.approx(100, abs=1)


def all_of(*images: bytes, **request: Any) -> tuple[np.ndarray, np.ndarray]:
    return decode_all(lambda row: images[row], len(images), Request("here", **request))


def test_all_grey_stays_grey_and_one_colour_makes_all_colour() -> None:
    grey, colour = CASES["grey"][0], CASES["rgb"][0]
    assert all_of(grey, grey)[0].shape == (2, 1, 2, 1)
    pixels, _ = all_of(grey, colour)
    assert pixels.tolist() == [[[[7, 7, 7], [9, 9, 9]]], [[list(RED), list(BLUE)]]]


def test_differing_sizes_become_64_or_the_size_asked_for() -> None:
    images = CASES["rgb"][0], CASES["orientation"][0]
    assert all_of(*images)[0].shape == (2, 64, 64, 3)
    assert all_of(*images, size=5)[0].shape == (2, 5, 5, 3)
    assert all_of(*images, shape=(3, 4, 1))[0].shape == (2, 3, 4, 1)


def test_bad_images_are_marked_whether_the_header_or_the_pixels_are_broken() -> None:
    good = encoded(Image.new("RGB", (64, 64), RED), "JPEG")
    pixels, bad = all_of(good, b"no image", good[: len(good) // 2], good)
    assert bad.tolist() == [False, True, True, False]
    assert (pixels[0] == pixels[3]).all()
    assert all_of(b"", b"")[1].all()


def test_progress_ends_with_everything_decoded() -> None:
    heard: list[Update] = []
    all_of(*[CASES["rgb"][0]] * 300, progress=heard.append)
    assert heard == [Update(256, 300), Update(300, 300)]


def test_more_pixels_than_memory_should_hold_are_refused_before_decoding() -> None:
    header = encoded(Image.new("1", (9000, 9000)))
    with pytest.raises(InputError) as caught:
        all_of(*[header] * 220)
    assert str(caught.value) == (
        "data.size: must be set: 220 images of 9000 x 9000 pixels take more than 16 GiB; nearest valid choice: 224"
    )

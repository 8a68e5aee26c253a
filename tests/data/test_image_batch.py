"""Image batch: all images get one shape and one type, or are named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.encoded_images import BLUE, RED, encoded, on_its_side, two_wide

from tasks.core import InputError, Update
from tasks.data.images.image_batch import DecodedImages, decode_all

COLOUR, GREY = encoded(two_wide("RGB", RED, BLUE)), encoded(two_wide("L", 7, 9))
DEEP, FLOATING = encoded(two_wide("I;16", 300, 4000)), encoded(Image.new("F", (2, 1), 0.5), "TIFF")


def all_of(*images: bytes, **options: Any) -> DecodedImages:
    return decode_all(lambda row: images[row], [f"{row}.png" for row in range(len(images))], **options)


def test_all_grey_stays_grey_and_one_colour_makes_all_colour() -> None:
    assert all_of(GREY, GREY).pixels.shape == (2, 1, 2, 1)
    assert all_of(GREY, COLOUR).pixels.tolist() == [[[[7, 7, 7], [9, 9, 9]]], [[list(RED), list(BLUE)]]]


def test_differing_sizes_become_64_or_the_size_asked_for() -> None:
    images = COLOUR, on_its_side("PNG")
    assert all_of(*images).pixels.shape == (2, 64, 64, 3)
    assert all_of(*images, size=5).pixels.shape == (2, 5, 5, 3)
    assert all_of(*images, shape=(3, 4, 1)).pixels.shape == (2, 3, 4, 1)


def test_differing_sizes_become_what_a_network_expects_and_equal_ones_stay() -> None:
    images = COLOUR, on_its_side("PNG")
    assert all_of(*images, mixed_size=9).pixels.shape == (2, 9, 9, 3)
    assert all_of(*images, size=5, mixed_size=9).pixels.shape == (2, 5, 5, 3)
    assert all_of(COLOUR, COLOUR, mixed_size=9).pixels.shape == (2, 1, 2, 3)


def test_bad_images_are_named_whether_the_header_or_the_pixels_are_broken() -> None:
    good = encoded(Image.new("RGB", (64, 64), RED), "JPEG")
    found = all_of(good, b"no image", good[: len(good) // 2], good)
    assert found.faults == {1: "no image of a known format", 2: "truncated"}
    assert found.bad.tolist() == [False, True, True, False]
    assert (found.pixels[0] == found.pixels[3]).all()
    assert all_of(b"", b"").bad.all()


def test_values_of_more_than_8_bits_stay_as_they_are() -> None:
    found = all_of(DEEP, DEEP)
    assert found.pixels.dtype == np.float32
    assert found.pixels.tolist() == [[[[300], [4000]]]] * 2


def test_images_of_several_ranges_are_refused_with_one_message() -> None:
    with pytest.raises(InputError) as caught:
        all_of(GREY, DEEP, FLOATING, DEEP)
    assert str(caught.value) == (
        "images must have values of one range, but there are 2 16-bit (such as 1.png), 1 8-bit (such as 0.png), "
        "1 floating (such as 2.png); save all in one form"
    )


def test_progress_ends_with_everything_decoded() -> None:
    heard: list[Update] = []
    all_of(*[COLOUR] * 300, progress=heard.append)
    assert heard == [Update(256, 300), Update(300, 300)]


def test_more_pixels_than_memory_should_hold_are_refused_before_decoding() -> None:
    header = encoded(Image.new("1", (9000, 9000)))
    with pytest.raises(InputError) as caught:
        all_of(*[header] * 220)
    assert str(caught.value) == (
        "data.size: must be set: 220 images of 9000 x 9000 pixels take more than 16 GiB; nearest valid choice: 224"
    )


def test_a_huge_image_is_decoded_or_named_without_a_warning() -> None:
    large, too_large = (encoded(Image.new("1", (20000, height))) for height in (5000, 10000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = all_of(large, too_large, size=4)
    assert found.faults == {1: "more than 178,956,970 pixels"}

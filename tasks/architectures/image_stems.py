"""Image stems: whether a network made for large images begins as its paper says, or in a form for small ones."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.architectures.argument_checks import check_kind

STEMS = ("auto", "small", "large")
LARGE = 96
"""Images of at least so many pixels on their shorter side get the large stem by themselves."""


def has_large_stem(stem: str, input_shape: Sequence[int], least: tuple[int, int]) -> bool:
    """Whether the network begins with the large stem: `auto` decides by the shorter side of the image.

    Args:
        stem: `auto`, `small` or `large`.
        input_shape: (channels, height, width) of one image.
        least: pixels a side that the network needs with the small and with the large stem.

    Raises:
        ValueError: the stem is none of these, the shape is not an image's, or the image is too small.
    """
    check_kind("stem", stem, STEMS)
    side = shorter_side(input_shape)
    is_large = stem == "large" or (stem == "auto" and side >= LARGE)
    if side < least[is_large]:
        way = f" with the large stem, or {least[0]} with the small one" if is_large else ""
        raise ValueError(f"images must have at least {least[is_large]} pixels a side{way}, but have {side}")
    return is_large


def shorter_side(input_shape: Sequence[int]) -> int:
    """Pixels of the shorter side. Raises ValueError unless the shape is (channels, height, width)."""
    if len(input_shape) != 3:
        raise ValueError(f"input_shape must be (channels, height, width) of an image, but got {list(input_shape)}")
    return min(input_shape[1:])

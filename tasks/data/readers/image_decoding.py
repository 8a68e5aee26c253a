"""Image decoding: encoded images (JPEG, PNG, …) to pixels, one at a time or many in a thread pool."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import numpy as np
from PIL import Image, ImageOps

from tasks.core import InputError, Update
from tasks.data.readers.examples import Request

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""Exceptions that Pillow raises for bytes that are not a complete image."""

_GREY = ("1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 0x0112
_DEFAULT_SIDE = 64
_MOST_BYTES = 16 * 2**30
_CHUNK = 256

Shape = tuple[int, int, int]
Result = TypeVar("Result")


def decode_image(data: bytes, size: tuple[int, int] | None = None, channels: Literal[1, 3] | None = None) -> np.ndarray:
    """The pixels of an encoded image: uint8 (height, width, channels), resized to `size` (height, width) if given.

    Without `channels`, grey images have 1 channel and all others 3 (RGB). The first frame of an animation counts,
    EXIF orientation is applied, an alpha channel is dropped (the colours under it stay), and 16-bit grey becomes 8-bit.
    Resizing is bilinear with antialiasing and does not keep the aspect ratio. Raises one of UNREADABLE.
    """
    with Image.open(io.BytesIO(data)) as image:
        if size is not None:
            image.draft(None, (2 * max(size), 2 * max(size)))  # JPEG: decode large photos at a fraction
        ImageOps.exif_transpose(image, in_place=True)
        plain = _plain(image)
        if channels is not None:
            plain = plain.convert("L" if channels == 1 else "RGB")
        if size is not None and plain.size != (size[1], size[0]):
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _plain(image: Image.Image) -> Image.Image:
    """The image converted to 8-bit grey or RGB."""
    _refuse_unbounded(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if image.mode in _GREY:
        return image.convert("L")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _refuse_unbounded(image: Image.Image) -> None:
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} has no fixed range of values")


def shape_of(data: bytes) -> Shape:
    """The shape (height, width, channels) of `decode_image(data)`, from the header alone. Raises one of UNREADABLE."""
    with Image.open(io.BytesIO(data)) as image:
        _refuse_unbounded(image)
        width, height = image.size
        exif = Image.Image.getexif(image)  # a PNG's own getexif would decode it to look for data after the pixels
        if exif.get(_ORIENTATION, 1) >= 5:  # 5 to 8 turn the image on its side
            width, height = height, width
        return height, width, 1 if image.mode in _GREY else 3


def decode_all(read: Callable[[int], bytes], count: int, request: Request) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the images `read(0)` … `read(count - 1)` to one shape.

    The shape is that of the request, if it has one. Otherwise, all become size x size (default 64) when their sizes
    differ or the request has a size, and have 1 channel when all are grey.

    Returns:
        uint8 (count, height, width, channels), zeros where an image could not be decoded; and where this is so,
        bool (count,).

    Raises:
        InputError: the pixels would take more than 16 GiB.
    """
    shapes = _in_threads(lambda row: _shape_or_none(read, row), range(count))
    seen = {shape for shape in shapes if shape is not None}
    bad = np.array([shape is None for shape in shapes], dtype=bool)
    if not seen:
        return np.zeros((count, 1, 1, 1), np.uint8), bad
    shape = request.shape or _common(seen, request.size)
    if count * shape[0] * shape[1] * shape[2] > _MOST_BYTES:
        raise InputError(
            f"must be set: {count} images of {shape[1]} x {shape[0]} pixels take more than 16 GiB",
            path="data.size",
            nearest=224,
        )
    pixels = np.zeros((count, *shape), np.uint8)

    def fill(row: int) -> bool:
        try:
            pixels[row] = decode_image(read(row), shape[:2], 1 if shape[2] == 1 else 3)
        except UNREADABLE:
            return False
        return True

    good = np.flatnonzero(~bad)
    bad[good] = [not done for done in _in_threads(fill, good.tolist(), request)]
    return pixels, bad


def _common(shapes: set[Shape], side: int | None) -> Shape:
    sizes = {shape[:2] for shape in shapes}
    if side is None and len(sizes) > 1:
        side = _DEFAULT_SIDE
    height, width = (side, side) if side is not None else sizes.pop()
    return height, width, max(shape[2] for shape in shapes)


def _shape_or_none(read: Callable[[int], bytes], row: int) -> Shape | None:
    try:
        return shape_of(read(row))
    except UNREADABLE:
        return None


def _in_threads(work: Callable[[int], Result], rows: Iterable[int], request: Request | None = None) -> list[Result]:
    """The results of `work` for each row, in order, computed in chunks by threads on all cores.

    Threads suffice because Pillow releases the interpreter lock.
    """
    rows = list(rows)
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    results: list[Result] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for part in pool.map(lambda chunk: [work(row) for row in chunk], chunks):
            results += part
            if request is not None:
                request.progress(Update(len(results), len(rows)))
    return results

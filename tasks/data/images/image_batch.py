"""Image batch: many encoded images decoded to one shape and one type, in a thread pool."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tasks.core import InputError, Progress, Update, silent
from tasks.data.images.image_decoding import ImageHeader, Shape, decode_image, read_header
from tasks.data.images.image_faults import UNREADABLE, fault_of

_MOST_BYTES = 16 * 2**30
_CHUNK = 256

Result = TypeVar("Result")
Read = Callable[[int], bytes]


@dataclass(frozen=True)
class DecodedImages:
    """Images of one shape, and what their headers say."""

    pixels: np.ndarray
    """(count, height, width, channels), uint8 or float32; zeros where an image does not decode."""
    headers: tuple[ImageHeader | None, ...]
    """None where even the header cannot be read."""
    faults: Mapping[int, str]
    """Position of each image that does not decode, in order, and why."""

    @property
    def bad(self) -> np.ndarray:
        """Which images do not decode: bool (count,)."""
        return np.isin(np.arange(len(self.pixels)), list(self.faults))


def decode_all(
    read: Read,
    names: Sequence[str],
    size: int | None = None,
    shape: Shape | None = None,
    progress: Progress = silent,
    mixed_size: int = 64,
) -> DecodedImages:
    """Decodes the images `read(0)`, `read(1)`, … to one shape and type.

    The shape is `shape` (height, width, channels), if given. Otherwise, all become size x size when `size` is given, or
    mixed_size x mixed_size when their sizes differ, and have 1 channel when all are grey. They are float32 when their
    values have more than 8 bits, and else uint8.

    Args:
        names: the images' names, for messages.
        progress: called with the number of images decoded so far.

    Raises:
        InputError: some have 8 bits and others more, or the pixels would take more than 16 GiB.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with an image is said by its fault
        found = _in_threads(lambda row: _header_or_fault(read, row), range(len(names)))
        headers = tuple(each if isinstance(each, ImageHeader) else None for each in found)
        faults = {row: each for row, each in enumerate(found) if isinstance(each, str)}
        good = [row for row in range(len(names)) if row not in faults]
        if not good:
            return DecodedImages(np.zeros((len(names), 1, 1, 1), np.uint8), headers, faults)
        _refuse_mixture(headers, names)
        sides = {header.shape[:2] for header in headers if header}
        side = mixed_size if size is None and len(sides) > 1 else size
        pixels = _empty(headers, len(names), side, shape)

        def fill(row: int) -> str | None:
            data = b""
            try:
                data = read(row)
                pixels[row] = decode_image(data, pixels.shape[1:3], 1 if pixels.shape[3] == 1 else 3)
            except UNREADABLE as error:
                return fault_of(data, error)
            return None

        later = zip(good, _in_threads(fill, good, progress), strict=True)
        faults.update({row: fault for row, fault in later if fault is not None})
    return DecodedImages(pixels, headers, dict(sorted(faults.items())))


def _header_or_fault(read: Read, row: int) -> ImageHeader | str:
    data = b""
    try:
        data = read(row)
        return read_header(data)
    except UNREADABLE as error:
        return fault_of(data, error)


def _refuse_mixture(headers: Sequence[ImageHeader | None], names: Sequence[str]) -> None:
    depths = Counter(header.depth for header in headers if header)
    if len(depths) > 1:
        first = {header.depth: name for header, name in reversed(list(zip(headers, names, strict=True))) if header}
        listed = ", ".join(f"{count:,} {depth} (such as {first[depth]})" for depth, count in depths.most_common())
        raise InputError(f"images must have values of one range, but there are {listed}; save all in one form")


def _empty(headers: Sequence[ImageHeader | None], count: int, size: int | None, shape: Shape | None) -> np.ndarray:
    """Zeros for all pixels. Raises InputError when they would take more than 16 GiB."""
    seen = [header for header in headers if header]
    height, width, channels = shape or _common({header.shape for header in seen}, size)
    dtype = np.dtype(np.uint8 if seen[0].depth == "8-bit" else np.float32)
    if count * height * width * channels * dtype.itemsize > _MOST_BYTES:
        law = f"must be set: {count} images of {width} x {height} pixels take more than 16 GiB"
        raise InputError(law, path="data.size", nearest=224)
    return np.zeros((count, height, width, channels), dtype)


def _common(shapes: set[Shape], side: int | None) -> Shape:
    height, width = (side, side) if side is not None else next(iter(shapes))[:2]
    return height, width, max(shape[2] for shape in shapes)


def _in_threads(work: Callable[[int], Result], rows: Iterable[int], progress: Progress = silent) -> list[Result]:
    """The results of `work` for each row, in order, computed in chunks by threads on all cores.

    Threads suffice because Pillow releases the interpreter lock.
    """
    rows = list(rows)
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    results: list[Result] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for part in pool.map(lambda chunk: [work(row) for row in chunk], chunks):
            results += part
            progress(Update(len(results), len(rows)))
    return results

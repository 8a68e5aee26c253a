"""Image decoding: the pixels of one encoded image (JPEG, PNG, …), and what its header says."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may open: no format that starts another program, as PostScript does."""

Shape = tuple[int, int, int]
Depth = Literal["8-bit", "16-bit", "floating"]

_GREY = ("1", "L", "LA", "La")
_DEPTHS: dict[str, Depth] = {"I": "16-bit", "F": "floating"}
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258


@dataclass(frozen=True)
class ImageHeader:
    """What an encoded image says of itself."""

    shape: Shape
    """(height, width, channels) of `decode_image`, upright; 1 channel if it is grey, else 3."""
    depth: Depth
    """Grey values of more than 8 bits are `16-bit` if they are whole and else `floating`."""
    mode: str
    """Pillow's name of the colours: RGB, L, P, …"""
    transparent: bool
    """Whether it can be transparent somewhere."""
    frames: int
    """Number of pictures in the file, of which the first is decoded."""


def decode_image(data: bytes, size: tuple[int, int] | None = None, channels: Literal[1, 3] | None = None) -> np.ndarray:
    """The pixels of an encoded image: (height, width, channels), resized to `size` (height, width) if given.

    They are uint8; grey values of more than 8 bits are float32, unchanged. Without `channels`, grey images have 1
    channel and all others 3 (RGB). The first frame of an animation counts, EXIF orientation is applied, and what is
    transparent lies on white. Resizing is bilinear with antialiasing and does not keep the aspect ratio. Raises one of
    `image_faults.UNREADABLE`.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _refuse_deep_colour(image)
        if size is not None:
            image.draft(None, (2 * max(size), 2 * max(size)))  # JPEG: decode large photos at a fraction
        ImageOps.exif_transpose(image, in_place=True)
        plain = _plain(image) if _depth(image.mode) == "8-bit" else _deep(image)
        if channels is not None and plain.mode != "F":
            plain = plain.convert("L" if channels == 1 else "RGB")
        if size is not None and plain.size != (size[1], size[0]):
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return np.repeat(pixels, 3, axis=2) if channels == 3 and pixels.shape[2] == 1 else pixels


def read_header(data: bytes) -> ImageHeader:
    """What an encoded image says of itself, without decoding it. Raises one of `image_faults.UNREADABLE`."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _refuse_deep_colour(image)
        width, height = image.size
        exif = Image.Image.getexif(image)  # a PNG's own getexif would decode it to look for data after the pixels
        if exif.get(_ORIENTATION, 1) >= 5 and image.format != "TIFF":  # on its side; Pillow has turned a TIFF's size
            width, height = height, width
        depth = _depth(image.mode)
        channels = 1 if image.mode in _GREY or depth != "8-bit" else 3
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # a phone adds previews to a photo
        return ImageHeader((height, width, channels), depth, image.mode, image.has_transparency_data, frames)


def _depth(mode: str) -> Depth:
    return _DEPTHS.get(mode.partition(";")[0], "8-bit")


def _refuse_deep_colour(image: Image.Image) -> None:
    """ValueError for colours of more than 8 bits: Pillow would keep only 8, from whatever range they fill."""
    if _depth(image.mode) != "8-bit":
        return
    said = [tile[3] for tile in getattr(image, "tile", ())]
    words = [each if isinstance(each, tuple) else (each,) for each in said]
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    is_deep = max(bits) > 8 or any(";16" in str(each[0]) for each in words if each)
    if is_deep or (image.format == "PPM" and any(each[1:] and each[1] > 255 for each in words)):
        raise ValueError("colours of more than 8 bits: save it with 8 bits, or as grey")


def _plain(image: Image.Image) -> Image.Image:
    """The image as 8-bit grey or RGB, on white where it is transparent."""
    mode = "L" if image.mode in _GREY else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode)
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert(mode)


def _deep(image: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits as Pillow's mode F, unchanged. Raises ValueError for NaN and infinite values."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    return Image.fromarray(values)

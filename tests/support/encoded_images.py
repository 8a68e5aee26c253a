"""Encoded images, as bytes and as files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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


def on_its_side(form: str) -> bytes:
    """Two wide, one high, and a note (EXIF 6) that it must be turned a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(two_wide("RGB", RED, BLUE), form, exif=exif)


def deep_colour_png() -> bytes:
    """A PNG of one pixel with 16 bits for each of three colours."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">3H", 4000, 4000, 4000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff(pixels: np.ndarray, planes: bool = False) -> bytes:
    """A TIFF without compression of pixels (height, width, channels); with `planes`, each channel by itself."""
    height, width, channels = pixels.shape
    little = pixels.astype(pixels.dtype.newbyteorder("<"))
    data = (little.transpose(2, 0, 1) if planes else little).tobytes()
    strips, plane = (channels, len(data) // channels) if planes else (1, len(data))
    start = 8 + 2 + 10 * 12 + 4  # the header and ten tags; then come the values that are longer than four bytes
    pixels_at = start + (2 * channels if channels > 2 else 0) + (8 * strips if strips > 1 else 0)
    offsets = [pixels_at + index * plane for index in range(strips)]
    long: list[bytes] = []
    tags = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [pixels.dtype.itemsize * 8] * channels),
        (259, "H", [1]),
        (262, "H", [2 if channels > 2 else 1]),
        (273, "I", offsets),
        (277, "H", [channels]),
        (279, "I", [plane] * strips),
        (284, "H", [2 if planes else 1]),
        (339, "H", [{"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]]),
    ]
    entries = b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            long.append(packed)
            packed = struct.pack("<I", start + sum(map(len, long[:-1])))
        entries += struct.pack("<HHI", tag, 3 if kind == "H" else 4, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4 + b"".join(long) + data


def grey_at(*files: Path, value: int = 0) -> None:
    """Writes a grey picture of two by two pixels to each file, in the form that its ending says, else as PNG."""
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        known = file.suffix.lower() in Image.registered_extensions()
        file.write_bytes(
            encoded(Image.new("L", (2, 2), value), Image.EXTENSION[file.suffix.lower()] if known else "PNG")
        )

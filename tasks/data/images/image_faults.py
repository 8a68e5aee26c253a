"""Image faults: why a file does not decode, in words, and one message for all of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from PIL import Image, UnidentifiedImageError

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""Exceptions that Pillow and a missing file raise where there is no complete image."""

MOST_NAMED = 5

_KINDS: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"<!doctype html", b"<html", b"<head"), "an HTML page"),
    (0, (b"version https://git-lfs",), "a pointer of Git LFS, not the file itself"),
    (0, (b"<?xml", b"<svg"), "XML text"),
    (4, (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1"), "a HEIC picture"),
    (0, (b"%pdf",), "a PDF document"),
    (0, (b"pk\x03\x04",), "a zip archive"),
    (0, (b"ii*\0", b"mm\0*", b"ii+\0", b"mm\0+"), "a TIFF of bands or numbers that Pillow does not read"),
)
"""Where a file begins so, and what it is then: (offset, beginnings in lower case, words)."""


def fault_of(data: bytes, error: BaseException) -> str:
    """Why `data` does not decode, in a few words, from its bytes and from one of the UNREADABLE."""
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return str(error.strerror).lower()
    if not data.strip(b"\0"):
        return "only zeros" if data else "empty"
    start = data[:256].lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    if not isinstance(error, UnidentifiedImageError):
        return "truncated" if isinstance(error, EOFError) or "truncated" in str(error).lower() else str(error)
    return next(
        (words for place, texts, words in _KINDS if start[place:].startswith(texts)), "no image of a known format"
    )


def faults_text(faults: Mapping[str, str], count: int) -> str:
    """`3 of 50 do not: a.jpg (truncated), b.jpg (empty), c.jpg (an HTML page)`; at most MOST_NAMED have a name.

    Args:
        faults: name of the image → why it does not decode.
        count: number of all images.
    """
    named = ", ".join(f"{name} ({why})" for name, why in list(faults.items())[:MOST_NAMED])
    more = len(faults) - MOST_NAMED
    return f"{len(faults):,} of {count:,} do not: {named}" + (f" and {more:,} more" if more > 0 else "")

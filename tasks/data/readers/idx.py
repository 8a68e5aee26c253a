"""IDX: the four files of MNIST and similar data sets, gzipped or not.

The format is a big-endian header (two zero bytes, a type, the number of axes, the axes) and the values
(http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from tasks.core import InputError
from tasks.data.readers.examples import Examples, Request, Rows

_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_MAGIC = {_IMAGES: 0x00000803, _LABELS: 0x00000801}


def is_idx(folder: Path) -> bool:
    """Whether a folder holds any of the four files."""
    return any(_find(folder, part, kind) for part in ("train", "t10k") for kind in (_IMAGES, _LABELS))


def read_idx(request: Request) -> Rows:
    """The rows of a folder of IDX files: uint8 (count, height, width, 1); t10k files, if any, are the test part.

    Raises InputError when a file is missing, is damaged, or does not match its labels.
    """
    test = None
    if any(_find(request.path, "t10k", kind) for kind in (_IMAGES, _LABELS)):
        test = _part("t10k", request)
    return Rows("images", _part("train", request), test=test)


def _part(part: str, request: Request) -> Examples:
    images, labels = (_values(part, kind, request) for kind in (_IMAGES, _LABELS))
    if len(images) != len(labels):
        raise InputError(
            f"{part} images and labels of {request.source} must be equally many",
            path=request.field,
            value=f"{len(images)} images and {len(labels)} labels",
        )
    if not images.size:
        raise InputError(f"{part} images of {request.source} must be at least one", path=request.field)
    return Examples(images[:, :, :, None], labels.astype(np.int64))


def _find(folder: Path, part: str, kind: str) -> Path | None:
    names = (f"{part}-{kind}", f"{part}-{kind}.gz")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _values(part: str, kind: str, request: Request) -> np.ndarray:
    file = _find(request.path, part, kind)
    if file is None:
        raise InputError(f"{request.source} must hold {part}-{kind} (or .gz)", path=request.field)
    data = _bytes(file, request)
    magic = _MAGIC[kind]
    if data[:4] != struct.pack(">I", magic):
        raise InputError(
            f"{file} must begin with the magic number 0x{magic:08x}",
            path=request.field,
            value=f"0x{data[:4].hex()}",
        )
    axes = magic & 0xFF
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:start]) if len(data) >= start else (0,) * axes
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(data) != expected or len(data) < start:
        raise InputError(
            f"{file} must hold the {expected} bytes that its header tells",
            path=request.field,
            value=len(data),
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _bytes(file: Path, request: Request) -> bytes:
    if file.suffix != ".gz":
        return file.read_bytes()
    try:
        return gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} must be a gzip file that is whole: {error}", path=request.field) from error

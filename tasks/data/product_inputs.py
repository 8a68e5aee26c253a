"""Product inputs: reads a file of examples into the input arrays of a finished ONNX product."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Column, InputError
from tasks.kernels.onnx import description

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ARRAYS = (".npy", ".npz")
PIXELS = ("inputs", "x", "images", "data")
"""Usual names of the array of inputs in an .npz file, by preference."""


def read_inputs(source: Path, model: Path | bytes, array: str | None = None) -> dict[str, np.ndarray]:
    """Reads the product's inputs, by name: `image` (count, height, width, channels), or a (count, 1) array per column.

    Args:
        source: an image, a folder of images, an .npy or .npz file, or a .csv or .parquet table.
        model: the product.
        array: name of the inputs in an .npz file. Absent: one of the usual names, else the first array.

    Raises:
        InputError: the file is missing or unreadable, or does not hold what the product takes.
    """
    if not source.exists():
        raise InputError("does not exist", file=str(source))
    wanted = {tensor.name: tensor for tensor in description.describe(model).inputs}
    if "image" not in wanted:
        return columns(read_table(source, array), wanted, source)
    height, width, channels = (int(size or 0) for size in wanted["image"].shape[1:])
    shape = (height, width, channels)
    pixels = read_array(source, array) if source.suffix in ARRAYS else read_images(source, shape)
    if pixels.ndim == 3:  # grey pictures without an axis for their one channel
        pixels = pixels[..., None]
    if pixels.shape[1:] != shape:
        raise InputError(f"must hold images of shape {shape}", file=str(source), value=pixels.shape[1:])
    return {"image": as_type(pixels, wanted["image"].dtype, source)}


def as_type(pixels: np.ndarray, dtype: str, source: Path) -> np.ndarray:
    """Pixels converted to the product's type. Raises InputError when a conversion to uint8 would change values."""
    is_whole = pixels.dtype.kind in "biu" and pixels.size > 0 and pixels.min() >= 0 and pixels.max() <= 255
    if dtype == "uint8" and not is_whole:
        law = "must hold whole numbers from 0 to 255, as the training data did"
        raise InputError(law, file=str(source), value=str(pixels.dtype))
    return pixels.astype(dtype, copy=False)


def columns(frame: pd.DataFrame, wanted: dict[str, Any], source: Path) -> dict[str, np.ndarray]:
    """One (count, 1) array for each column that the model takes, converted in the same way as the training data."""
    import numpy as np

    from tasks.data.readers import data_frames
    from tasks.data.readers.examples import Examples, Request, Rows

    def kind(tensor: Any) -> Literal["number", "category"]:
        return "category" if tensor.dtype == "string" else "number"

    kinds = tuple(Column(name, kind(tensor)) for name, tensor in wanted.items())
    frame = frame.set_axis([str(name).strip() for name in frame.columns], axis=1)
    rows = Rows("table", Examples(frame, np.zeros(len(frame))))
    clean: Any = data_frames.align_columns(rows, kinds, Request(str(source), field="INPUT")).train.inputs
    types: dict[str, Any] = {"number": "float32", "category": object}
    return {column.name: clean[column.name].to_numpy(dtype=types[column.kind])[:, None] for column in kinds}


def read_table(source: Path, array: str | None = None) -> pd.DataFrame:
    """A table from a file; the columns of an array are named x0, x1, …, as in training."""
    import pandas as pd
    import pyarrow as pa

    from tasks.data.readers import csv_table
    from tasks.data.readers.examples import Request

    if source.suffix in ARRAYS:
        values = read_array(source, array)
        return pd.DataFrame(values, columns=[f"x{index}" for index in range(values.shape[1])])
    if source.suffix == ".parquet":
        try:
            return pd.read_parquet(source)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"must be a Parquet file ({error})", file=str(source)) from error
    if not source.name.lower().endswith(csv_table.SUFFIXES):
        raise InputError("must be a .csv or .parquet table with the model's columns", file=str(source))
    return csv_table.frame_of(Request(str(source), field="INPUT"))


def read_array(source: Path, name: str | None = None) -> np.ndarray:
    """The array in an .npy file; in an .npz file the array `name`, else one with a usual name, else the first."""
    import numpy as np

    try:
        loaded = np.load(source, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as archive:
            key = next((key for key in (name, *PIXELS) if key in archive.files), archive.files[0])
            inside: np.ndarray = archive[key]
            return inside
    except (ValueError, OSError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(f"must be a file of plain NumPy arrays ({error})", file=str(source)) from error


def read_images(source: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (count, height, width, channels) from one image, or a folder in the order of names, resized to `shape`."""
    import numpy as np

    from tasks.data.readers import image_decoding

    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    if not files:
        raise InputError("must hold at least one image", file=str(source))
    channels: Any = shape[2]
    pixels = []
    for file in files:
        try:
            pixels.append(image_decoding.decode_image(file.read_bytes(), (shape[0], shape[1]), channels))
        except image_decoding.UNREADABLE as error:
            raise InputError(f"must be an image ({error})", file=str(file)) from error
    return np.stack(pixels)

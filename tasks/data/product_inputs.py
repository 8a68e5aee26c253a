"""Product inputs: reads a file of examples into the input arrays of a finished ONNX product."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import InputError, InputLayout, TextFormat
from tasks.data.input_layout import RAW_PIXELS, arrange, layout_of, read_ranges
from tasks.data.profiles import training_ranges
from tasks.data.table_form import ProductExamples, examples_of_frame, table_form
from tasks.kernels.onnx import description
from tasks.kernels.onnx.description import Tensor

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.data.readers import Request

ARRAYS = (".npy", ".npz")
PIXELS = ("inputs", "x", "images", "data")
"""Usual names of the array of inputs in an .npz file, by preference."""


def read_examples(source: Path, model: Path | bytes, array: str | None = None) -> ProductExamples:
    """Reads examples for a product.

    Args:
        source: an image, a folder of images, an .npy or .npz file, or a .csv or .parquet table.
        model: the product: its metadata say what kind of data it takes, and in which layout.
        array: name of the inputs in an .npz file. Absent: the product's own name, else a usual one, else the first.

    Raises:
        InputError: the file is missing or unreadable, or does not hold what the product takes, or its pixels or numbers
            have another unit than the training data (`training_ranges.refuse_other_range`).
    """
    if not source.exists():
        raise InputError("does not exist", file=str(source))
    inputs, said = description.interface(model)[0], description.metadata(model)
    if said.get("kind", "images" if len(inputs) == 1 else "table") == "table":
        form = table_form(model)
        return examples_of_frame(read_table(source, array, form.text), form, str(source))
    found = read_array(source, array, inputs[0].name) if source.suffix in ARRAYS else None
    return examples_of_array(found, model, source)


def examples_of_array(found: np.ndarray | None, model: Path | bytes, source: Path) -> ProductExamples:
    """Images or other arrays as the product takes them.

    Args:
        found: pixels (count, height, width, channels), or an array (count, …); None where `source` is an image or a
            folder of images.
        model: the product, which has one input.
        source: for messages.

    Raises:
        InputError: as `read_examples`.
    """
    [tensor], said = description.interface(model)[0], description.metadata(model)
    kind = said.get("kind", "images")
    layout = layout_of(said) or InputLayout(tensor.name, "NHWC" if kind == "images" else "as they are", tensor.dtype)
    if kind == "images":
        pixels = raw_pixels(found, source, tensor, layout, said.get(RAW_PIXELS, tensor.dtype))
        training_ranges.refuse_other_range(pixels, read_ranges(said), source)
        return ProductExamples(arrange(as_type(pixels, tensor.dtype, source), layout))
    if found is None:
        raise InputError(f"must be an .npy or .npz file with the array {tensor.name!r}", file=str(source))
    if found.shape[1:] != tensor.shape[1:]:
        raise InputError(f"must hold examples of shape {tensor.shape[1:]}", file=str(source), value=found.shape[1:])
    training_ranges.refuse_other_range(found, read_ranges(said), source)
    return ProductExamples(arrange(as_type(found, tensor.dtype, source), layout))


def raw_pixels(pixels: np.ndarray | None, source: Path, tensor: Tensor, layout: InputLayout, dtype: str) -> np.ndarray:
    """The pixels of arrays or image files as (count, height, width, channels), of the size that the product takes.

    Args:
        pixels: an array of pixels; None where `source` is an image or a folder of images.
        source: for messages.
        tensor: the product's input.
        layout: the order of its axes.
        dtype: type of the training data's pixels.

    Raises:
        InputError: the images have another size, or cannot be read.
    """
    sizes = dict(zip(layout.axes, tensor.shape, strict=True))
    height, width, channels = (int(sizes.get(axis) or 1) for axis in "HWC")
    shape = (height, width, channels)
    pixels = read_images(source, shape, dtype) if pixels is None else pixels
    if pixels.ndim == 3:  # grey pictures without an axis for their one channel
        pixels = pixels[..., None]
    if pixels.shape[1:] != shape:
        raise InputError(f"must hold images of shape {shape}", file=str(source), value=pixels.shape[1:])
    return pixels


def as_type(values: np.ndarray, dtype: str, source: Path) -> np.ndarray:
    """Numbers as the product's type. Raises InputError when a conversion to whole numbers would change them."""
    import numpy as np

    if dtype in ("uint8", "int64"):
        least, most = (0, 255) if dtype == "uint8" else (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
        is_whole = values.dtype.kind in "biu" and values.size > 0 and values.min() >= least and values.max() <= most
        if not is_whole:
            law = "whole numbers from 0 to 255" if dtype == "uint8" else "whole numbers"
            raise InputError(f"must hold {law}, as the training data did", file=str(source), value=str(values.dtype))
    return values.astype(dtype, copy=False)


def read_table(source: Path, array: str | None = None, text: TextFormat | None = None) -> pd.DataFrame:
    """A table from a file; the columns of an array are named x0, x1, …

    Args:
        source: the file.
        array: name of the array in an .npz file.
        text: how text is written, where the file does not show it.

    Raises:
        InputError: the file cannot be read.
    """
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
    text = text or TextFormat()
    request = Request(str(source), "INPUT", separator=text.separator or None, encoding=text.encoding or None)
    return csv_table.frame_of(replace(request, names=_header_of(request, text)))


def _header_of(request: Request, text: TextFormat) -> tuple[str, ...]:
    """The names of the columns of a file without a header line, of which training's had none either; else none.

    Raises InputError when the file has another number of columns.
    """
    from tasks.data.readers import csv_table, data_frames

    first = csv_table.first_record(request) if text.names else []
    if {data_frames.plain_name(field) for field in first} <= set(text.names):
        return ()
    if len(first) == len(text.names):
        return text.names
    names = tuple(name for name in text.names if name != text.target)
    if len(first) == len(names):
        return names
    law = f"{request.source} must have the {len(text.names)} columns of the training data, or all but the target"
    raise InputError(law, path=request.field, value=f"{len(first)} columns", nearest=", ".join(text.names))


def read_array(source: Path, *names: str | None) -> np.ndarray:
    """The array in an .npy file; in an .npz file the first of `names` that it holds, else of the usual names, else the
    first array."""
    import numpy as np

    try:
        loaded = np.load(source, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as archive:
            key = next((key for key in (*names, *PIXELS) if key in archive.files), archive.files[0])
            inside: np.ndarray = archive[key]
            return inside
    except (ValueError, OSError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(f"must be a file of plain NumPy arrays ({error})", file=str(source)) from error


def read_images(source: Path, shape: tuple[int, int, int], dtype: str) -> np.ndarray:
    """Pixels (count, height, width, channels) of one image, or of a folder's in the order of paths, as in training.

    Args:
        source: an image, or a folder of images at any depth.
        shape: (height, width, channels) to which all are converted.
        dtype: type of the training data's pixels.

    Raises:
        InputError: there is no image, some do not decode, or their values have another range than `dtype` says.
    """
    from tasks.data.images import image_batch, image_files
    from tasks.data.images.image_faults import faults_text

    files = image_files.scan_files(source).images if source.is_dir() else (source,)
    if not files:
        raise InputError("must hold at least one image", file=str(source), nearest=", ".join(image_files.SUFFIXES))
    if shape[2] not in (1, 3):
        raise InputError(f"must be an .npy or .npz file: the product takes {shape[2]} channels", file=str(source))
    names = [str(file) for file in files]
    try:
        decoded = image_batch.decode_all(lambda row: files[row].read_bytes(), names, shape=shape)
    except InputError as error:
        raise error.at(file=str(source)) from error
    if decoded.faults:
        text = faults_text({names[row]: why for row, why in decoded.faults.items()}, len(files))
        raise InputError(f"images must decode, but {text}", file=str(source))
    if decoded.pixels.dtype != dtype:
        law = "must hold images of " + ("8 bits" if dtype == "uint8" else "more than 8 bits")
        depth = next(header.depth for header in decoded.headers if header)
        raise InputError(f"{law}, as the training data did", file=str(source), value=depth)
    return decoded.pixels


def passed_over(source: Path) -> str:
    """The files of a folder that `read_images` passes over, by ending, such as `3 .txt`; empty where there are none."""
    from tasks.data.images import image_files

    return image_files.endings_text(image_files.scan_files(source).passed_over) if source.is_dir() else ""

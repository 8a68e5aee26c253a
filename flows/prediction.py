"""Prediction: the registered champion answers for a file of examples, through ONNX Runtime alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe import Recipe
from tasks import registry
from tasks.artifacts import InputError, Workspace, nearest
from tasks.kernels import runtime

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def predict(recipe: Recipe, source: Path, workspace: Workspace) -> list[str]:
    """One answer a line: the class's name, or the number.

    Raises:
        InputError: there is no champion, or the file does not hold what the product takes.
    """
    _, model = registry.champion(workspace.tracking_uri, recipe.name)
    outputs = runtime.predict(model, read(source, model), provider=recipe.runtime.provider)
    classes = json.loads(runtime.metadata(model).get("classes", "[]"))
    if classes:
        return [classes[index] for index in outputs.argmax(axis=1)]
    return [f"{value:.6g}" for value in outputs[:, 0]]


def read(source: Path, model: Path) -> dict[str, np.ndarray]:
    """The product's inputs from a file: an image, a folder of images, .npy or .npz pixels, a .csv or .parquet table."""
    if not source.exists():
        raise InputError("does not exist", file=str(source))
    wanted = {tensor.name: tensor for tensor in runtime.describe(model).inputs}
    if source.suffix in (".csv", ".parquet"):
        return columns(read_table(source), wanted, source)
    if "image" not in wanted:
        raise InputError("must be a .csv or .parquet table with the model's columns", file=str(source))
    height, width, channels = (int(size or 0) for size in wanted["image"].shape[1:])
    shape = (height, width, channels)
    pixels = read_pixels(source, shape)
    if pixels.shape[1:] != shape:
        raise InputError(f"must hold images of shape {shape}", file=str(source), value=pixels.shape[1:])
    return {"image": pixels.astype(wanted["image"].dtype, copy=False)}


def columns(frame: pd.DataFrame, wanted: dict[str, Any], source: Path) -> dict[str, np.ndarray]:
    """One (count, 1) array for each column that the model takes."""
    import numpy as np

    found = {}
    for name, tensor in wanted.items():
        if name not in frame:
            raise InputError(
                f"has no column {name!r} of the model",
                file=str(source),
                nearest=nearest(name, map(str, frame.columns)),
            )
        values = frame[name]
        if tensor.dtype == "string":
            found[name] = values.fillna("").astype(str).str.strip().to_numpy(dtype=object)[:, None]
        else:
            found[name] = values.to_numpy(dtype=np.float32)[:, None]
    return found


def read_table(source: Path) -> pd.DataFrame:
    """A table from its file."""
    import pandas as pd

    return pd.read_csv(source, skipinitialspace=True) if source.suffix == ".csv" else pd.read_parquet(source)


def read_pixels(source: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """(count, height, width, channels) pixels from arrays, or decoded and resized from image files in name order."""
    import numpy as np

    from tasks.sources.images import decode

    if source.suffix == ".npy":
        pixels: np.ndarray = np.load(source, allow_pickle=False)
        return pixels
    if source.suffix == ".npz":
        with np.load(source, allow_pickle=False) as archive:
            first: np.ndarray = archive[archive.files[0]]
            return first
    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    channels: Any = shape[2]
    return np.stack([decode(file.read_bytes(), (shape[0], shape[1]), channels) for file in files])

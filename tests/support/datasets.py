"""Small data sets of pictures and of tables, in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from support import runs
from tasks.core import Column, Dataset, Prepared, Split, SplitName, Store, digest_of
from tasks.data.data_spec import DataSpec
from tasks.data.ingestion import ingest, source_stamp
from tasks.data.preprocessing import preprocess
from tasks.data.preprocessing_spec import PreprocessStep

ORDER: tuple[SplitName, ...] = ("train", "validation", "test", "calibration")


def picture_set(store: Store, splits: Mapping[SplitName, np.ndarray], classes: int = 4) -> Dataset:
    """Pixels (count, height, width, channels) for each split → a dataset; targets go round the classes."""
    parts = {
        name: Split(store.put_array(pixels), store.put_array(np.arange(len(pixels)) % classes), len(pixels))
        for name, pixels in splits.items()
    }
    first = next(iter(splits.values()))
    kind: Any = str(first.dtype)
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("memory", "images", "classification", first.shape[1:], kind, (), names, parts, (), digest_of("x"))


def unread_pictures() -> Prepared:
    """Pictures of two classes without any content, for what only asks their kind."""
    dataset = Dataset("memory", "images", "classification", (8, 8, 1), "uint8", (), ("0", "1"), {}, (), digest_of("z"))
    return Prepared(dataset, digest_of({}), {}, (1, 8, 8))


def table_set(
    store: Store, splits: Mapping[SplitName, tuple[pd.DataFrame, Sequence[float] | np.ndarray]], classes: int = 0
) -> Dataset:
    """A frame with its targets for each split → a dataset; without classes it is a regression."""
    parts = {
        name: Split(
            store.put_frame(frame),
            store.put_array(np.asarray(targets, dtype="int64" if classes else "float32")),
            len(frame),
        )
        for name, (frame, targets) in splits.items()
    }
    frame = next(iter(splits.values()))[0]
    columns = tuple(
        Column(str(name), "number" if frame[name].dtype.kind == "f" else "category") for name in frame.columns
    )
    task: Any = "classification" if classes else "regression"
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("memory", "table", task, (len(columns),), "columns", columns, names, parts, (), digest_of("y"))


def array_set(
    store: Store, splits: Mapping[SplitName, tuple[np.ndarray, np.ndarray]], classes: int = 0, name: str = "x"
) -> Dataset:
    """An array (count, …) called `name` with its targets for each split → a dataset; without classes a regression."""
    kind: Any = "int64" if classes else "float32"
    parts = {
        split: Split(store.put_array(values), store.put_array(targets.astype(kind)), len(values))
        for split, (values, targets) in splits.items()
    }
    first = next(iter(splits.values()))[0]
    task, dtype = ("classification" if classes else "regression"), str(first.dtype)
    names = tuple(f"class {index}" for index in range(classes))
    content: Any = ("memory", "array", task, first.shape[1:], dtype, (), names, parts, (), digest_of("z"), name)
    return Dataset(*content)


def ingested(spec: DataSpec, store: Store) -> Dataset:
    """What ingestion makes of the sources as they are now."""
    return ingest(spec, source_stamp(spec), runs.context_of(store))


def squares(count: int, seed: int = 0) -> np.ndarray:
    """Grey pictures (count, 8, 8, 1): the class of `picture_set` is the quarter that is bright."""
    pixels = np.random.default_rng(seed).integers(0, 120, size=(count, 8, 8, 1))
    for index in range(count):
        row, column = divmod(index % 4, 2)
        pixels[index, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 120
    return pixels.astype(np.uint8)


def prepared_squares(store: Store, steps: tuple[PreprocessStep, ...] = ()) -> Prepared:
    """Bright quarters, prepared."""
    splits = {
        name: squares(count, seed) for seed, (name, count) in enumerate(zip(ORDER, (64, 40, 40, 32), strict=True))
    }
    return preprocess(picture_set(store, splits), steps, store)

"""Batch reading: a file of new examples as the champion takes them, with the labels that are known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.loop.batch_labels import BATCH, LABELS, Labels, check_given, joined, labels_in, own_labels
from flows.recipe.schema import Recipe
from tasks.conversion.answer_rule import read_rule
from tasks.core import InputError
from tasks.data.images.image_files import names_of_examples, scan_files
from tasks.data.input_layout import read_ranges
from tasks.data.product_inputs import ARRAYS, read_examples
from tasks.data.readers import csv_table
from tasks.kernels.onnx import description
from tasks.monitoring.example_columns import kind_of_examples

if TYPE_CHECKING:
    import numpy as np


ENDS = (*csv_table.SUFFIXES, ".parquet", *ARRAYS)
"""Endings of the files of a folder of batches."""


@dataclass(frozen=True)
class Batch:
    """New examples for the champion."""

    digest: str
    """Of what the champion gets and of the rows' names: labels that come later do not change it."""
    inputs: Mapping[str, np.ndarray]
    """As `product_inputs.read_examples` reads them."""
    names: tuple[str, ...]
    """Of the rows, as `predict` names them."""
    labels: Labels
    warnings: tuple[str, ...]
    """Sentences on inputs that look strange."""


def batches_in(source: Path, labels: Path | None, model: Path, by_id: bool = False) -> tuple[Path, ...]:
    """The batches at a place: itself, or of a folder each of its tables or archives, by name.

    Args:
        source: a file, a folder of images, or a folder of files, such as `paredown serve --log` writes.
        labels: a table of labels.
        model: the champion's file: it says whether a folder is one of images.
        by_id: whether rows are named by ids; without them labels are of one batch.

    Raises:
        InputError: a file is missing, the folder holds no batch, or there are labels for a folder of batches whose rows
            have no ids.
    """
    check_given(source, labels)
    if not source.is_dir():
        return (source,)
    files = sorted(each for each in source.iterdir() if each.name.lower().endswith(ENDS) and each.name[0] != ".")
    if kind_of_examples(model) == "images" and (not files or scan_files(source).images):
        return (source,)
    if labels is not None and not by_id:
        law = "must be left out beside a folder of batches: without data.id labels are of one batch"
        raise InputError(law, path=LABELS)
    if not files:
        raise InputError(f"must hold a batch: a file that ends with {', '.join(ENDS)}", path=BATCH, value=str(source))
    return tuple(files)


def read_batch(recipe: Recipe, source: Path, labels: Path | None, model: Path, is_one_of_many: bool = False) -> Batch:
    """Reads a batch as `predict` reads a file.

    Args:
        recipe: says how rows and labels are named.
        source: a file or folder of examples.
        labels: a table of labels that came later; None: those that the batch has.
        model: the champion's file.
        is_one_of_many: whether the labels may all be of other batches.

    Raises:
        InputError: a file is missing, empty, or does not hold what the champion takes, or the batch is older than the
            champion's training.
    """
    found = read_examples(source, model, recipe.data.inputs)
    count = len(next(iter(found.inputs.values())))
    if not count:
        raise InputError("must hold at least one example", path=BATCH, value=str(source))
    said, classes = description.metadata(model), read_rule(model).classes
    check_age(recipe, found.inputs, said)
    names = found.names or names_of_examples(source, count)
    known = own_labels(recipe, source, said, classes)
    if labels is not None:
        known = joined(known, labels_in(recipe, labels, names, classes, is_one_of_many))
    return Batch(digest_of_rows(found.inputs, names), found.inputs, names, known, found.warnings)


def digest_of_rows(inputs: Mapping[str, np.ndarray], names: tuple[str, ...]) -> str:
    """SHA-256 of arrays (count, …) by name, numbers or text, and of the rows' names."""
    told = hashlib.sha256("\x1f".join(names).encode())
    for name in sorted(inputs):
        values = inputs[name]
        told.update(f"\x1e{name} {values.dtype} {values.shape}\x1e".encode())
        told.update("\x1f".join(map(str, values.ravel())).encode() if values.dtype == object else values.tobytes())
    return told.hexdigest()


def check_age(recipe: Recipe, inputs: Mapping[str, np.ndarray], said: Mapping[str, str]) -> None:
    """Checks that some row is newer than the champion's train split, where the data are split by dates.

    Raises:
        InputError: none is.
    """
    import numpy as np

    column = recipe.data.split.column if recipe.data.split.by == "time" else None
    last = next((each.most for each in read_ranges(said) if each.name == column and each.dates), None)
    if last is None or column is None or column not in inputs:
        return
    times = inputs[column][~np.isnan(inputs[column])]
    if times.size and times.max() <= last:
        day, newest = (str(datetime.fromtimestamp(float(each), UTC).date()) for each in (last, times.max()))
        law = f"must be newer than the rows that the champion learned from, the last of which is of {day}"
        raise InputError(law, path=BATCH, value=newest)

"""Batch labels: from tables, archives and folders, and from a file that names the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.loop.batch_labels import joined, labels_in, own_labels
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import InputError


def recipe(**data: Any) -> Recipe:
    return validate_recipe({"name": "shop", "data": {"source": "rows.csv", **data}})


def test_a_table_brings_its_targets_along_and_empty_ones_are_not_there_yet(tmp_path: Path) -> None:
    file = tmp_path / "batch.csv"
    file.write_text("age,bought\n1,yes\n2,\n3,no\n4,NA\n")
    rows, targets = own_labels(recipe(target="bought"), file, {}, ("no", "yes"))
    assert (rows.tolist(), targets.tolist()) == ([0, 2], [1, 0])
    assert own_labels(recipe(target="price"), file, {}, ("no", "yes"))[0].tolist() == []


def test_numbers_of_a_regression_and_classes_that_are_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1, 2, 3], "price": [1.5, np.nan, 2.0]})
    frame.to_parquet(tmp_path / "batch.parquet")
    rows, targets = own_labels(recipe(target="price"), tmp_path / "batch.parquet", {}, ())
    assert (rows.tolist(), targets.tolist()) == ([0, 2], [1.5, 2.0])
    frame.assign(price=[0.0, 1.0, np.nan]).to_csv(tmp_path / "batch.csv", index=False)
    rows, targets = own_labels(recipe(target="price"), tmp_path / "batch.csv", {}, ("0", "1"))
    assert (rows.tolist(), targets.tolist()) == ([0, 1], [0, 1])


def test_an_archive_has_an_array_of_targets_or_none(tmp_path: Path) -> None:
    file = tmp_path / "batch.npz"
    np.savez(file, x=np.zeros((3, 8, 8)), y=np.array([2, 0, 1]))
    rows, targets = own_labels(recipe(), file, {}, ("0", "1", "2"))
    assert (rows.tolist(), targets.tolist()) == ([0, 1, 2], [2, 0, 1])
    np.savez(file, x=np.zeros((3, 8, 8)))
    assert own_labels(recipe(), file, {}, ("0", "1", "2"))[0].size == 0


def test_the_folders_of_images_are_labels_where_all_are_classes(tmp_path: Path) -> None:
    for name in ("ants/1.png", "bees/2.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name)
    rows, targets = own_labels(recipe(), tmp_path, {}, ("ants", "bees"))
    assert (rows.tolist(), targets.tolist()) == ([0, 1], [0, 1])
    assert own_labels(recipe(), tmp_path, {}, ("ants", "wasps"))[0].size == 0


def test_a_file_of_labels_names_examples_as_predict_does(tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text("target,example\nbees,2.png\n,1.png\nants,9.png\n")
    rows, targets = labels_in(recipe(), file, ("1.png", "2.png"), ("ants", "bees"))
    assert (rows.tolist(), targets.tolist()) == ([1], [1])
    with pytest.raises(InputError, match="must name rows of the batch in the column 'example', and names none"):
        labels_in(recipe(), file, ("7.png",), ("ants", "bees"))


def test_the_later_label_counts() -> None:
    own, later = (np.array([0, 1]), np.array([1, 1])), (np.array([1, 2]), np.array([0, 0]))
    rows, targets = joined(own, later)
    assert (rows.tolist(), targets.tolist()) == ([0, 1, 2], [1, 0, 0])

"""Input layout: raw data in the axes, the type and the names with which a product takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import datasets

from tasks.core import Column, InputLayout, Store, TextFormat
from tasks.data import input_layout
from tasks.data.preprocessing import preprocess

RAW = np.arange(2 * 3 * 4 * 1, dtype=np.uint8).reshape(2, 3, 4, 1)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [("NHWC", RAW), ("NCHW", RAW.reshape(2, 1, 3, 4)), ("NHW", RAW.reshape(2, 3, 4)), ("as they are", RAW)],
)
def test_axes_type_and_name(axes: str, expected: np.ndarray) -> None:
    (found,) = input_layout.arrange(RAW, InputLayout("x", axes, "float32")).items()  # type: ignore[arg-type]
    assert (found[0], found[1].dtype, found[1].flags.c_contiguous) == ("x", np.float32, True)
    np.testing.assert_array_equal(found[1], expected)


def test_channels_come_first_in_order() -> None:
    raw = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)
    found = input_layout.arrange(raw, InputLayout("x", "NCHW", "uint8"))["x"]
    assert found.shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(found[:, 2], raw[..., 2])


def test_columns_are_side_by_side_in_their_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    frame = pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 4.0]}, dtype="float32")
    dataset = datasets.table_set(store, {"train": (frame, [0, 1]), "validation": (frame, [0, 1])})
    prepared = preprocess(dataset, (), store)
    apart = input_layout.product_inputs(prepared, "validation", store)
    assert {name: array.tolist() for name, array in apart.items()} == {"b": [[1], [2]], "a": [[3], [4]]}
    together = replace(prepared, layout=InputLayout("rows", "NC", "float64"))
    rows = input_layout.product_inputs(together, "validation", store)["rows"]
    assert (rows.tolist(), rows.dtype) == ([[1, 3], [2, 4]], np.float64)


def test_the_rules_of_reading_go_into_the_product_and_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    columns = (Column("a", "number", ",", ".", "€", ("free",)), Column("b", "category", texts=("x", "y"), truth=True))
    text = TextFormat(";", "cp1252")
    dataset = replace(datasets.table_set(store, {"train": (frame, [0, 1])}), columns=columns, text_format=text)
    rules = input_layout.reading_rules(dataset)
    assert input_layout.read_rules({"reading": rules}) == (columns, text)
    assert input_layout.read_rules({}) is None

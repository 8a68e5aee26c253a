"""Frame layer: which columns are centred, what models see of them, and in which types products take them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support import datasets
from torch import Tensor, nn

from tasks.conversion import onnx_export
from tasks.core import Column, Dataset, InputError, Prepared, Store
from tasks.core.dataset import MATRIX
from tasks.data import input_layout, preprocessing
from tasks.data.preprocessing import preprocess
from tasks.data.tables import frame_layer
from tasks.data.tables.column_steps import Scale
from tasks.kernels.onnx import description, sessions

DAY = 1_700_006_400
GENERATOR = np.random.default_rng(0)
CASES: dict[str, tuple[Any, float | None]] = {
    "seconds of a day": (DAY + np.arange(0, 86400, 60), DAY + 43170.0),
    "seconds of a year": (DAY + np.arange(0, 365 * 86400, 977), DAY + 977 * 16139.0),
    "cents beside a large amount": (1e8 + np.arange(-300, 301) / 100, 1e8),
    "ids close to each other": (90_000_000 + np.arange(999), 90_000_499.0),
    "ids from a wide range": (GENERATOR.integers(0, 10**9, 1000), None),
    "small whole numbers": (np.arange(1000), None),
    "a whole number above 2^24 that 32 bits hold": (np.array([2**25, 2**26]), None),
    "a common column": (GENERATOR.normal(5, 2, 1000), None),
    "kelvin": (GENERATOR.normal(293.15, 5, 1000), None),
    "a long tail": (np.exp(GENERATOR.normal(0, 4, 1000)), None),
    "an income in cents": (np.round(GENERATOR.uniform(0, 1e6, 1000), 2), None),
    "almost always zero": (np.array([0.0] * 990 + [0.1] * 10), None),
    "one value": (np.full(9, 1e9 + 0.3), None),
    "nothing": (np.full(9, np.nan), None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_column_is_centred_where_32_bits_would_change_it(name: str) -> None:
    values, center = CASES[name]
    found = frame_layer.center_of(np.asarray(values, np.float64))
    assert found == (center if center is None else pytest.approx(center, rel=1e-12))


def test_models_see_what_is_left_after_centring_in_float32() -> None:
    frame = pd.DataFrame({"when": [DAY + 1, DAY + 2], "amount": [0.1, np.nan], "town": ["Rome", ""]})
    columns = (Column("when", "number", center=DAY + 0.25), Column("amount", "number"), Column("town", "category"))
    seen = frame_layer.model_columns(frame, columns)
    assert seen["when"].tolist() == [0.75, 1.75]
    np.testing.assert_array_equal(seen["amount"], np.array([0.1, np.nan], np.float32))
    assert {name: str(values.dtype) for name, values in seen.items()} == {
        "when": "float32",
        "amount": "float32",
        "town": "object",
    }
    assert seen["town"].tolist() == ["Rome", ""]


def test_the_center_is_measured_on_the_numbers_alone() -> None:
    columns = (Column("when", "number"), Column("n", "number"), Column("town", "category"))
    train = pd.DataFrame({"when": [DAY, np.nan, DAY + 10.0], "n": [1, 2, 3], "town": ["a", "b", "c"]})
    found = frame_layer.center_columns(columns, train)
    assert [column.center for column in found] == [DAY + 5.0, None, None]
    assert [frame_layer.default_type(column) for column in found] == ["float64", "float32", "string"]


@pytest.mark.parametrize(
    ("values", "dtype", "given"),
    [
        ([2**53 + 1, 0], "int64", [2**53 + 1, 0]),
        ([1.0, 2.0], "int32", [1, 2]),
        ([0.1, np.nan], "float64", [0.1, np.nan]),
        ([0.1, np.nan], "float16", [np.float16(0.1), np.nan]),
        ([1, 0], "bool", [True, False]),
        (["True", "False"], "bool", [True, False]),
        (["Rome", ""], "string", ["Rome", ""]),
    ],
)
def test_an_input_has_its_own_type(values: Any, dtype: str, given: Any) -> None:
    column = Column("x", "category" if isinstance(values[0], str) else "number")
    found = frame_layer.input_column(pd.Series(values), column, dtype, "a.csv")
    assert found.shape == (2, 1)
    assert found.dtype == (object if dtype == "string" else dtype)
    np.testing.assert_array_equal(found[:, 0], np.array(given, found.dtype))


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([1.0, np.nan], "int64", "must hold no missing values, since the model takes it as int64"),
        (["True", ""], "bool", "must hold no missing values, since the model takes it as bool"),
        (
            [1.0, 2.5],
            "int64",
            "must hold whole numbers from -9223372036854775808 to 9223372036854775807, since the model takes it as "
            "int64, but got '2.5'",
        ),
        ([1, 300], "uint8", "must hold whole numbers from 0 to 255, since the model takes it as uint8, but got '300'"),
        ([1, 2], "bool", "must hold 0 and 1, since the model takes it as bool, but got '2'"),
        ([1.0, 1e5], "float16", "must hold numbers that fit into float16, as the model takes them, but got 100000.0"),
    ],
)
def test_values_that_do_not_fit_an_input_are_one_message(values: Any, dtype: str, message: str) -> None:
    column = Column("x", "category" if isinstance(values[0], str) else "number")
    with pytest.raises(InputError) as caught:
        frame_layer.input_column(pd.Series(values), column, dtype, "a.csv")
    assert str(caught.value) == f"column 'x' of a.csv {message}"


# --- in a product ---


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Flat(nn.Module):
    """A network that answers with what it is given: the product then shows its preprocessing."""

    def forward(self, batch: Tensor) -> Tensor:
        return batch * 1.0


def through_product(prepared: Prepared, store: Store) -> np.ndarray:
    """What the network sees, by the graph that users run."""
    fitted = store.get_json(prepared.fitted)
    data = onnx_export.serialize_network(Flat(), prepared.dataset, fitted, prepared.input_shape)
    return sessions.predict(data, input_layout.product_inputs(prepared, "validation", store))


def clocked(store: Store) -> Dataset:
    """Seconds of a day and cents beside a large amount decide the class; both have missing values."""

    def part(seed: int, count: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
        generator = np.random.default_rng(seed)
        when = 1_700_006_400 + generator.integers(0, 86400, count).astype(float)
        amount = np.round(1e8 + generator.normal(0, 2, count), 2)
        targets = (when - 1_700_006_400) / 43200 - 1 + (amount - 1e8) / 4 > 0
        when[3], amount[5] = np.nan, np.nan
        return pd.DataFrame({"when": when, "amount": amount, "noise": generator.normal(size=count)}), targets

    dataset = datasets.table_set(store, {"train": part(0), "validation": part(1)}, classes=2)
    train = store.get_frame(dataset.splits["train"].inputs)
    return replace(dataset, columns=frame_layer.center_columns(dataset.columns, train))


@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("together", [False, True])
def test_what_32_bits_would_change_is_centred_in_64(together: bool, method: Any, store: Store) -> None:
    dataset = replace(clocked(store), input_name=MATRIX) if together else clocked(store)
    prepared = preprocess(dataset, (Scale(method=method),), store)
    raw, train = (store.get_frame(dataset.splits[name].inputs) for name in ("validation", "train"))
    low, span = {
        "standard": (train.fillna(train.median()).mean(), train.fillna(train.median()).std(ddof=0)),
        "minmax": (train.min(), train.max() - train.min()),
    }[method]
    expected = (raw.fillna(train.median()) - low) / span  # in 64 bits
    by_numpy = preprocessing.compact(prepared, "validation", store)
    np.testing.assert_allclose(by_numpy, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(through_product(prepared, store)[:, :3], expected, rtol=1e-6, atol=1e-6)
    data = onnx_export.serialize_network(Flat(), dataset, store.get_json(prepared.fitted), prepared.input_shape)
    types = [(tensor.name, tensor.dtype) for tensor in description.interface(data)[0]]
    apart = [("when", "float64"), ("amount", "float64"), ("noise", "float32")]
    assert types == ([("columns", "float64")] if together else apart)


def test_numbers_without_scaling_stay_as_they_are_whether_or_not_they_are_centred(store: Store) -> None:
    prepared = preprocess(clocked(store), (Scale(method="none"),), store)
    raw = store.get_frame(prepared.dataset.splits["validation"].inputs).to_numpy()[10:]
    np.testing.assert_allclose(preprocessing.compact(prepared, "validation", store)[10:], raw, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(through_product(prepared, store)[10:], raw, rtol=1e-7, atol=1e-7)


def test_a_small_network_learns_what_32_bits_would_hide(store: Store) -> None:
    """Beside it the same network on columns that are rounded before they are scaled."""
    centred = clocked(store)
    rounded = replace(centred, columns=tuple(replace(column, center=None) for column in centred.columns))
    shares = []
    for dataset in (centred, rounded):
        prepared = preprocess(dataset, (), store)
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
        inputs = torch.from_numpy(preprocessing.compact(prepared, "train", store))
        targets = torch.from_numpy(preprocessing.targets(prepared, "train", store))
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(150):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs), targets).backward()
            optimizer.step()
        data = onnx_export.serialize_network(
            network.eval(), dataset, store.get_json(prepared.fitted), prepared.input_shape
        )
        given = sessions.predict(data, input_layout.product_inputs(prepared, "validation", store))
        shares.append((given.argmax(1) == preprocessing.targets(prepared, "validation", store)).mean())
    assert shares[0] > 0.95
    assert shares[1] < 0.9

"""Preprocessing: fitted on train alone; numpy, torch and the product's own graph give the same numbers."""

from __future__ import annotations

import json
import math
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
from tasks.core import Dataset, InputError, Prepared, SplitName, Store
from tasks.core.dataset import MATRIX
from tasks.data import input_layout, preprocessing
from tasks.data.preprocessing import preprocess
from tasks.data.preprocessing_spec import Normalize, Unscaled
from tasks.data.tables.column_steps import Impute, OneHot, Scale
from tasks.data.tables.table_preprocessing import table_features
from tasks.kernels.onnx import description, sessions


class Flat(nn.Module):
    """A network that answers with what it is given: the product then shows its preprocessing."""

    def forward(self, batch: Tensor) -> Tensor:
        return batch.flatten(1) * 1.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def pixels(kind: str, channels: int, count: int = 12, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, size=(count, 2, 2, channels))
    return drawn.astype(kind) if kind == "uint8" else (drawn / 100 - 1).astype(np.float32)


def pictures(store: Store, kind: str, channels: int) -> Dataset:
    splits: dict[SplitName, np.ndarray] = {
        "train": pixels(kind, channels),
        "validation": pixels(kind, channels, 7, seed=1),
    }
    return datasets.picture_set(store, splits, classes=4 * channels)


def rows() -> pd.DataFrame:
    """Numbers with holes and categories; train has no `Oslo`."""
    return pd.DataFrame(
        {
            "town": ["Rome", "Bonn", "Rome", ""],
            "rooms": np.array([1, 2, 6, np.nan], dtype="float32"),
            "grade": ["b", "a", "b", "c"],
            "age": np.array([10, 10, 30, 30], dtype="float32"),
        }
    )


def unseen() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "town": ["Oslo", "Bonn", ""],
            "rooms": np.array([np.nan, -4, 1000], dtype="float32"),
            "grade": ["a", "d", "b"],
            "age": np.array([20, np.nan, 31], dtype="float32"),
        }
    )


def table(store: Store, train: pd.DataFrame, validation: pd.DataFrame, classes: int = 0) -> Dataset:
    targets = np.arange(1, 1 + len(train)) % max(classes, 100)
    return datasets.table_set(
        store, {"train": (train, targets), "validation": (validation, [0] * len(validation))}, classes
    )


def fitted(prepared: Prepared, store: Store) -> dict[str, Any]:
    record: dict[str, Any] = store.get_json(prepared.fitted)
    return record


def through_product(prepared: Prepared, store: Store) -> np.ndarray:
    """What the network sees, by the graph that users run."""
    data = onnx_export.serialize_network(Flat(), prepared.dataset, fitted(prepared, store), prepared.input_shape)
    return sessions.predict(data, input_layout.product_inputs(prepared, "validation", store))


def test_pixels_worked_by_hand(store: Store) -> None:
    train = np.array([0, 255], dtype=np.uint8).reshape(2, 1, 1, 1)
    prepared = preprocess(datasets.picture_set(store, {"train": train}), (), store)
    # mean 0.5 and deviation 0.5 of pixel / 255: gain 1 / (255 * 0.5), shift -0.5 / 0.5
    assert fitted(prepared, store) == {"kind": "images", "gain": [pytest.approx(1 / 127.5)], "shift": [-1.0]}
    assert prepared.input_shape == (1, 1, 1)
    seen = preprocessing.to_network(fitted(prepared, store))(torch.tensor([[[[0]]], [[[51]]]], dtype=torch.uint8))
    assert seen.flatten().tolist() == pytest.approx([-1.0, -0.6])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_torch_formula_and_product_agree_on_pixels(kind: str, channels: int, store: Store) -> None:
    step = Normalize(mean=(0.4, 0.5, 0.6)[:channels], std=(0.2, 0.3, 0.4)[:channels])
    prepared = preprocess(pictures(store, kind, channels), (step,), store)
    raw = store.get_array(prepared.dataset.splits["validation"].inputs).astype("float64")
    formula = (raw / (255 if kind == "uint8" else 1) - np.array(step.mean)) / np.array(step.std)
    compact = torch.from_numpy(preprocessing.compact(prepared, "validation", store))
    by_torch = preprocessing.to_network(fitted(prepared, store))(compact)
    assert by_torch.shape == (7, channels, 2, 2)
    assert by_torch.dtype == torch.float32
    np.testing.assert_allclose(by_torch, formula.transpose(0, 3, 1, 2), atol=1e-5)
    np.testing.assert_allclose(through_product(prepared, store), by_torch.flatten(1), atol=1e-6)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_measured_pixels_have_mean_0_and_deviation_1_on_train(kind: str, store: Store) -> None:
    prepared = preprocess(pictures(store, kind, 3), (), store)
    compact = torch.from_numpy(preprocessing.compact(prepared, "train", store))
    seen = preprocessing.to_network(fitted(prepared, store))(compact)
    np.testing.assert_allclose(seen.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std((0, 2, 3), correction=0), 1, atol=1e-5)


def test_a_channel_without_spread_stays_finite(store: Store) -> None:
    train = np.full((5, 2, 2, 1), 7, dtype=np.uint8)
    prepared = preprocess(datasets.picture_set(store, {"train": train}), (), store)
    compact = torch.from_numpy(preprocessing.compact(prepared, "train", store))
    seen = preprocessing.to_network(fitted(prepared, store))(compact)
    np.testing.assert_allclose(seen, 0, atol=1e-6)


def test_table_worked_by_hand(store: Store) -> None:
    prepared = preprocess(table(store, rows(), unseen()), (Scale(method="minmax"),), store)
    # rooms: the median of 1, 2, 6 is 2, and 1..6 become 0..1; age: 10..30 become 0..1. Then the categories in the
    # columns' order, their values sorted, with the missing town and the grade that train lacks all zeros.
    assert prepared.input_shape == (7,)
    found = table_features(unseen(), fitted(prepared, store))
    expected = [
        [0.2, 0.5, 0, 0, 1, 0, 0],
        [-1.0, 0.5, 1, 0, 0, 0, 0],
        [199.8, 1.05, 0, 0, 0, 1, 0],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
    names = ["rooms", "age", "town_Bonn", "town_Rome", "grade_a", "grade_b", "grade_c"]
    assert fitted(prepared, store)["features"] == names


@pytest.mark.parametrize("method", ["standard", "minmax", "none"])
def test_numpy_and_product_agree_on_tables(method: Any, store: Store) -> None:
    steps = (Impute(strategy="mean"), Scale(method=method), OneHot(max_categories=2))
    prepared = preprocess(table(store, rows(), unseen(), classes=6), steps, store)
    by_numpy = preprocessing.compact(prepared, "validation", store)
    np.testing.assert_array_equal(by_numpy, table_features(unseen(), fitted(prepared, store)))
    np.testing.assert_allclose(through_product(prepared, store), by_numpy, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kept", [["rooms", "age"], ["town"]])
def test_tables_of_numbers_or_of_categories_alone(kept: list[str], store: Store) -> None:
    prepared = preprocess(table(store, rows()[kept], unseen()[kept], classes=2), (), store)
    by_numpy = preprocessing.compact(prepared, "validation", store)
    assert by_numpy.shape == (3, 2)
    np.testing.assert_allclose(through_product(prepared, store), by_numpy, rtol=1e-5, atol=1e-6)


def test_standard_scaling_has_mean_0_and_deviation_1_on_train(store: Store) -> None:
    prepared = preprocess(table(store, rows(), unseen()), (), store)
    numbers = preprocessing.compact(prepared, "train", store)[:, :2]
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(numbers.std(axis=0), 1, atol=1e-6)


def test_a_number_without_values_or_spread_in_train_stays_finite(store: Store) -> None:
    train, validation = rows(), unseen()
    train["rooms"], train["age"] = np.float32(np.nan), np.float32(5)
    prepared = preprocess(table(store, train, validation), (), store)
    found = preprocessing.compact(prepared, "validation", store)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 1], [15, 0, 26], atol=1e-5)  # a missing age is the train's 5


def test_only_the_most_frequent_categories_are_kept(store: Store) -> None:
    frame = pd.DataFrame({"town": ["c", "c", "c", "a", "b", "b", ""]})
    prepared = preprocess(table(store, frame, frame), (OneHot(max_categories=2),), store)
    assert fitted(prepared, store)["features"] == ["town_b", "town_c"]


@pytest.mark.parametrize(
    "names",
    [
        ("raw", "features", "numbers", "gain"),
        ("flat", "missing", "hot_0", "fill"),
        ("input", "output", "input_0", "logits"),
    ],
)
def test_columns_may_have_any_names(names: tuple[str, ...], store: Store) -> None:
    train, validation = (frame.set_axis(list(names), axis=1) for frame in (rows(), unseen()))
    prepared = preprocess(table(store, train, validation, classes=7), (), store)
    by_numpy = preprocessing.compact(prepared, "validation", store)
    np.testing.assert_allclose(through_product(prepared, store), by_numpy, rtol=1e-5, atol=1e-6)


def test_a_column_may_be_named_as_the_network_names_its_own(store: Store) -> None:
    train, validation = (frame.rename(columns={"rooms": "0.weight"}) for frame in (rows(), unseen()))
    prepared = preprocess(table(store, train, validation, classes=7), (), store)
    model = nn.Sequential(nn.Linear(7, 7))
    data = onnx_export.serialize_network(model, prepared.dataset, fitted(prepared, store), prepared.input_shape)
    found = sessions.predict(data, input_layout.product_inputs(prepared, "validation", store))
    features = torch.from_numpy(preprocessing.compact(prepared, "validation", store))
    np.testing.assert_allclose(found, model(features).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["images", "table"])
def test_fitting_sees_train_alone(kind: str, store: Store) -> None:
    def fit(train_seed: int, validation_seed: int) -> str:
        if kind == "images":
            splits: dict[SplitName, np.ndarray] = {
                "train": pixels("uint8", 1, seed=train_seed),
                "validation": pixels("uint8", 1, seed=validation_seed),
            }
            return preprocess(datasets.picture_set(store, splits), (), store).fitted
        parts = []
        for seed in (train_seed, validation_seed):
            drawn = np.random.default_rng(seed)
            number = drawn.normal(size=20).astype("float32")
            town = drawn.choice(["a", "b", "c"], size=20)
            parts.append((pd.DataFrame({"number": number, "town": list(map(str, town))}), number))
        dataset = datasets.table_set(store, dict(zip(("train", "validation"), parts, strict=True)))
        return preprocess(dataset, (), store).fitted

    assert fit(0, 1) == fit(0, 2)
    assert fit(0, 1) != fit(3, 1)


def test_regression_targets_are_scaled_by_train(store: Store) -> None:
    frame = rows()[["age"]]
    dataset = datasets.table_set(store, {"train": (frame, [1, 3, 5, 7]), "validation": (frame, [4, 4, 9, -1])})
    prepared = preprocess(dataset, (), store)
    assert fitted(prepared, store)["target"] == {"mean": 4.0, "std": pytest.approx(math.sqrt(5))}
    scaled = preprocessing.targets(prepared, "validation", store)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [0, 0, math.sqrt(5), -math.sqrt(5)], rtol=1e-6)


def test_constant_regression_targets_stay_finite(store: Store) -> None:
    dataset = datasets.table_set(store, {"train": (rows()[["age"]], [2, 2, 2, 2])})
    prepared = preprocess(dataset, (), store)
    np.testing.assert_array_equal(preprocessing.targets(prepared, "train", store), 0)


def test_what_answers_in_the_data_s_unit_is_not_scaled(store: Store) -> None:
    frame = rows()[["age"]]
    dataset = datasets.table_set(store, {"train": (frame, [1, 3, 5, 7]), "validation": (frame, [4, 4, 9, -1])})
    prepared = preprocess(dataset, (Unscaled(),), store, target_unit="data")
    np.testing.assert_array_equal(preprocessing.targets(prepared, "validation", store), [4, 4, 9, -1])
    np.testing.assert_array_equal(through_product(prepared, store), frame)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_unscaled_pixels_reach_the_network_as_they_are(kind: str, store: Store) -> None:
    prepared = preprocess(pictures(store, kind, 3), (Unscaled(),), store)
    raw = pixels(kind, 3, 7, seed=1).astype(np.float32).transpose(0, 3, 1, 2).reshape(7, -1)
    np.testing.assert_array_equal(through_product(prepared, store), raw)


def test_unscaled_values_are_numbers_and_stand_alone(store: Store) -> None:
    with pytest.raises(InputError, match=r"preprocess\.0\.step: passes numbers on .* 'town' holds text.*one_hot"):
        preprocess(table(store, rows()[["town"]], unseen()[["town"]]), (Unscaled(),), store)
    with pytest.raises(InputError, match=r"'rooms' holds missing numbers, but got 'none'.*impute"):
        preprocess(table(store, rows()[["rooms"]], unseen()[["rooms"]]), (Unscaled(),), store)
    with pytest.raises(InputError, match=r"preprocess\.1\.step: must stand alone, but scale stands beside it"):
        preprocess(table(store, rows()[["age"]], unseen()[["age"]]), (Scale(), Unscaled()), store)


def test_classes_stay_class_indices(store: Store) -> None:
    prepared = datasets.prepared_squares(store)
    found = preprocessing.targets(prepared, "validation", store)
    assert found.dtype == np.int64
    assert found[:5].tolist() == [0, 1, 2, 3, 0]


def test_training_arrays_are_the_compact_inputs_and_targets(store: Store) -> None:
    arrays = preprocessing.training_arrays(datasets.prepared_squares(store), store)
    assert {name: array.shape for name, array in arrays.items()} == {
        "train_inputs": (64, 1, 8, 8),
        "train_targets": (64,),
        "validation_inputs": (40, 1, 8, 8),
        "validation_targets": (40,),
    }
    assert arrays["train_inputs"].dtype == np.uint8


def test_a_step_for_the_other_kind_of_data_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match=r"preprocess\.1\.step: does not suit images, but got 'scale'.*normalize"):
        preprocess(pictures(store, "uint8", 1), (Normalize(), Scale()), store)
    with pytest.raises(InputError, match=r"preprocess\.0\.step: does not suit table.*impute, clip, scale"):
        preprocess(table(store, rows(), unseen()), (Normalize(),), store)


def test_one_number_a_channel(store: Store) -> None:
    with pytest.raises(InputError, match=r"preprocess\.0\.mean: must hold one number for each of 3 channels"):
        preprocess(pictures(store, "uint8", 3), (Normalize(mean=(0.5,)),), store)


# --- arrays ---------------------------------------------------------------------------------------------------


def signals(store: Store, dtype: str, shape: tuple[int, ...] = (5, 3)) -> Dataset:
    def part(seed: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = np.random.default_rng(seed).integers(-50, 200, size=(9, *shape)).astype(dtype)
        drawn[..., 0] = 7  # what never changes is only shifted
        return drawn, np.arange(9) % 15

    splits: dict[SplitName, Any] = {"train": part(0), "validation": part(1)}
    return datasets.array_set(store, splits, classes=math.prod(shape), name="signal")


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("shape", [(6,), (5, 3), (2, 3, 4, 2)])
def test_torch_formula_and_product_agree_on_arrays(dtype: str, shape: tuple[int, ...], store: Store) -> None:
    prepared = preprocess(signals(store, dtype, shape), (), store)
    train, raw = (
        store.get_array(prepared.dataset.splits[name].inputs).astype(float) for name in ("train", "validation")
    )
    places = tuple(range(train.ndim - 1))
    deviation = train.std(axis=places)
    formula = (raw - train.mean(axis=places)) / np.where(deviation > 0, deviation, 1)
    compact = torch.from_numpy(preprocessing.compact(prepared, "validation", store))
    by_torch = preprocessing.to_network(fitted(prepared, store))(compact)
    assert prepared.input_shape == shape
    np.testing.assert_allclose(by_torch, formula, atol=1e-5)
    np.testing.assert_allclose(through_product(prepared, store), formula.reshape(9, -1), atol=1e-5)
    assert list(input_layout.product_inputs(prepared, "validation", store)) == ["signal"]


def test_smallest_and_largest_become_zero_and_one(store: Store) -> None:
    prepared = preprocess(signals(store, "float32"), (Scale(method="minmax"),), store)
    train = torch.from_numpy(preprocessing.compact(prepared, "train", store))
    seen = preprocessing.to_network(fitted(prepared, store))(train)
    assert seen.amin((0, 1)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert seen.amax((0, 1)).tolist() == pytest.approx([0, 1, 1], abs=1e-6)


@pytest.mark.parametrize("step", [Unscaled(), Scale(method="none")])
def test_numbers_of_an_array_stay_as_they_are(step: Any, store: Store) -> None:
    prepared = preprocess(signals(store, "int64"), (step,), store)
    raw = store.get_array(prepared.dataset.splits["validation"].inputs)
    np.testing.assert_array_equal(through_product(prepared, store), raw.reshape(9, -1))


@pytest.mark.parametrize("step", [Normalize(), Impute(), OneHot()])
def test_steps_that_do_not_suit_an_array(step: Any, store: Store) -> None:
    law = rf"preprocess\.0\.step: does not suit an array, but got '{step.step}'; nearest valid choice: scale"
    with pytest.raises(InputError, match=law):
        preprocess(signals(store, "float32"), (step,), store)


def test_the_columns_of_a_wide_table_are_one_input(store: Store) -> None:
    def part(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        values = np.random.default_rng(seed).normal(5, 3, size=(20, 70)).astype(np.float32)
        values[3, 7] = np.nan
        return pd.DataFrame(values, columns=[f"gene {index}" for index in range(70)]), np.arange(20) % 70

    wide = datasets.table_set(store, {"train": part(0), "validation": part(1)}, classes=70)
    apart, together = (preprocess(each, (), store) for each in (wide, replace(wide, input_name=MATRIX)))
    assert len(input_layout.product_inputs(apart, "validation", store)) == 70
    (matrix,) = input_layout.product_inputs(together, "validation", store).items()
    assert (matrix[0], matrix[1].shape, matrix[1].dtype) == ("columns", (20, 70), np.float32)
    np.testing.assert_array_equal(through_product(together, store), through_product(apart, store))
    data = onnx_export.serialize_network(Flat(), together.dataset, fitted(together, store), together.input_shape)
    assert json.loads(description.metadata(data)["columns"])[:2] == ["gene 0", "gene 1"]
    assert [tensor.shape for tensor in description.interface(data)[0]] == [("batch", 70)]

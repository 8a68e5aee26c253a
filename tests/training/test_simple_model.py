"""Simple model: the regression of a second, for pictures, arrays and tables, in the data's own unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import datasets

from tasks.core import Prepared, Store
from tasks.data.preprocessing import preprocess
from tasks.training import simple_model


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def targets_of(prepared: Prepared, store: Store) -> np.ndarray:
    return store.get_array(prepared.dataset.splits["validation"].targets)


def test_pictures(store: Store) -> None:
    prepared = datasets.prepared_squares(store)
    found = simple_model.simple_outputs(prepared, "validation", store)
    assert found is not None
    assert (found[0], found[1].shape) == ("a logistic regression", (40, 4))
    assert np.mean(found[1].argmax(axis=1) == targets_of(prepared, store)) > 0.9


def test_two_classes_of_an_array(store: Store) -> None:
    def part(seed: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.random.default_rng(seed).normal(size=(200, 5, 3)).astype(np.float32)
        return values, (values[:, 0, 1] > 0).astype(np.int64)

    splits: Any = {name: part(seed) for seed, name in enumerate(datasets.ORDER)}
    prepared = preprocess(datasets.array_set(store, splits, classes=2), (), store)
    found = simple_model.simple_outputs(prepared, "validation", store)
    assert found is not None
    assert np.mean(found[1].argmax(axis=1) == targets_of(prepared, store)) > 0.9


def test_numbers_of_a_table_are_in_their_unit(store: Store) -> None:
    def part(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        frame = pd.DataFrame(np.random.default_rng(seed).normal(size=(200, 2)).astype("float32"), columns=["a", "b"])
        return frame, (1000 + 30 * frame["a"] - 50 * frame["b"]).to_numpy()

    splits: Any = {name: part(seed) for seed, name in enumerate(datasets.ORDER)}
    prepared = preprocess(datasets.table_set(store, splits), (), store)
    found = simple_model.simple_outputs(prepared, "validation", store)
    assert found is not None
    assert (found[0], found[1].shape) == ("a linear regression", (200, 1))
    np.testing.assert_allclose(found[1][:, 0], targets_of(prepared, store), atol=2)


def test_a_class_that_its_sample_lacks_is_never_the_answer(store: Store) -> None:
    values = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    splits: Any = {name: (values, np.arange(60) % 3) for name in datasets.ORDER}
    prepared = preprocess(datasets.array_set(store, splits, classes=5), (), store)
    found = simple_model.simple_outputs(prepared, "validation", store)
    assert found is not None
    assert found[1].shape == (60, 5)
    assert set(found[1].argmax(axis=1)) <= {0, 1, 2}


def test_data_too_wide_have_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simple_model, "WIDEST", 63)
    assert simple_model.simple_outputs(datasets.prepared_squares(store), "validation", store) is None

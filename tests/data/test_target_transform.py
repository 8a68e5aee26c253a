"""The recipe's step `transform_target`: fitted on train, refused where it does not suit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from support import datasets, runs

from flows.recipe.schema import Recipe
from tasks.core import Dataset, InputError, Store
from tasks.data.preprocessing import fit_preprocessing, preprocess, targets
from tasks.data.preprocessing_spec import Unscaled
from tasks.data.tables.column_steps import TransformTarget

LOG = TransformTarget(method="log")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def tailed(store: Store, low: float = 0.0, classes: int = 0) -> Dataset:
    parts: dict[Any, Any] = {}
    for seed, split in enumerate(("train", "validation", "test", "calibration")):
        draw = np.random.default_rng(seed)
        x = draw.normal(size=100)
        values = low + np.exp(2 * x) if not classes else (x > 0).astype(int)
        parts[split] = (pd.DataFrame({"x": x}), values)
    return datasets.table_set(store, parts, classes)


def test_networks_learn_the_mapped_targets(store: Store) -> None:
    prepared = preprocess(tailed(store), (LOG,), store)
    record = store.get_json(prepared.fitted)["target"]
    raw = store.get_array(prepared.dataset.splits["train"].targets)
    assert record["map"]["method"] == "log"
    assert record["mean"] == pytest.approx(np.log1p(raw).mean(), rel=1e-6)
    np.testing.assert_allclose(targets(prepared, "train", store).std(), 1, rtol=1e-5)


def test_weights_of_others_answer_in_mapped_numbers(store: Store) -> None:
    record = fit_preprocessing(tailed(store), (LOG, Unscaled()), store, "data")["target"]
    assert (record["mean"], record["std"], record["map"]["method"]) == (0.0, 1.0, "log")


def test_a_log_of_targets_below_0_is_one_message(store: Store) -> None:
    with pytest.raises(InputError, match="at least 0") as caught:
        preprocess(tailed(store, low=-2.5), (LOG,), store)
    assert float(str(caught.value.value)) == pytest.approx(-2.49, abs=0.02)
    assert caught.value.nearest == "method: quantile"


def test_classes_are_one_message(store: Store) -> None:
    with pytest.raises(InputError, match="regression, but this one has 2 classes") as caught:
        preprocess(tailed(store, classes=2), (LOG,), store)
    assert caught.value.path == "preprocess.0.step"


def test_a_log_has_no_distribution() -> None:
    with pytest.raises(ValidationError, match="suits only method quantile"):
        TransformTarget(method="log", distribution="normal")


def test_a_file_of_others_keeps_its_answers() -> None:
    content = {"name": "a", "data": {"source": "a.csv"}, "model": {"file": "a.onnx"}}
    with pytest.raises(ValidationError, match=r"beside model\.file, which keeps its own answers"):
        Recipe.model_validate({**content, "preprocess": [{"step": "transform_target"}]})

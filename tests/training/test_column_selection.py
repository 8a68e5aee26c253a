"""Columns that a simple model does not need are no inputs of its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from support import datasets, runs

from tasks.core import InputError, Prepared, Store
from tasks.core.dataset import MATRIX
from tasks.data import input_layout
from tasks.kernels.onnx import description, sessions
from tasks.training.simple.column_selection import read_columns
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline, fit_table


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def prepared_noise(store: Store, classes: int = 2, is_matrix: bool = False) -> Prepared:
    """Two columns matter, `text` (or `n1`) and `n3`; four are noise."""
    parts: dict[Any, Any] = {}
    for seed, split in enumerate(("train", "validation", "test", "calibration")):
        draw = np.random.default_rng(seed)
        table = pd.DataFrame({f"n{place}": draw.normal(size=300) for place in range(5)})
        table["text"] = draw.choice(["a", "b", "c"], 300)
        if is_matrix:
            table["text"] = (table["text"] == "a").astype(float)
        values = 3 * table["text"].isin(["a", 1.0]) + table["n3"]
        parts[split] = (table, (values > 1).astype(int) if classes else values)
    dataset = datasets.table_set(store, parts, classes)
    dataset = replace(dataset, input_name=MATRIX) if is_matrix else dataset
    return Prepared(dataset, "", {}, (6,), layout=input_layout.layout_of_table(dataset))


def fitted(store: Store, prepared: Prepared, **knobs: Any) -> Any:
    spec = Fit.model_validate({"family": "lightgbm", **knobs})
    return fit_table(prepared, spec, (), runs.context_of(store))


@pytest.mark.parametrize("family", ["linear", "lightgbm", "random_forest"])
@pytest.mark.parametrize(("features", "classes"), [(2, 2), (0.34, 0)])
def test_the_columns_that_matter_are_the_only_inputs(family: str, features: Any, classes: int, store: Store) -> None:
    prepared = prepared_noise(store, classes)
    candidate = fitted(store, prepared, family=family, features=features)
    path = store.path(candidate.content)
    assert [tensor.name for tensor in description.interface(path)[0]] == ["n3", "text"]
    record = store.get_json(str(candidate.lineage[0].record))
    assert record["dropped"] == ["n0", "n1", "n2", "n4"]
    assert [hop["n"] for hop in record["parity"]] == [300, 300]
    assert '"n0"' not in description.metadata(path)[input_layout.READING]
    every = input_layout.product_inputs(prepared, "test", store)
    targets = store.get_array(prepared.dataset.splits["test"].targets)
    found = sessions.predict(path, every)  # the inputs that the file does not take are left out
    hits = (found.argmax(axis=1) == targets).mean() if classes else np.corrcoef(found[:, 0], targets)[0, 1]
    assert hits > 0.9


def test_a_matrix_stays_one_input_and_is_read_in_part(store: Store) -> None:
    prepared = prepared_noise(store, is_matrix=True)
    spec = Fit.model_validate({"family": "lightgbm", "features": 2})
    candidate = fit_table(prepared, spec, (), runs.context_of(store))
    [tensor] = description.interface(store.path(candidate.content))[0]
    assert (tensor.name, tensor.shape[-1]) == (MATRIX, 6)
    pipeline = fit_pipeline(prepared, spec, (), runs.context_of(store))
    assert read_columns(pipeline, prepared.dataset) == ("n3", "text")
    assert store.get_json(str(candidate.lineage[0].record))["dropped"] == ["n0", "n1", "n2", "n4"]


def test_the_same_spec_gives_the_same_file(store: Store) -> None:
    prepared = prepared_noise(store)
    assert fitted(store, prepared, features=3).content == fitted(store, prepared, features=3).content


def test_monotone_columns_may_be_dropped(store: Store) -> None:
    candidate = fitted(store, prepared_noise(store), features=2, monotone={"n0": 1, "n3": 1})
    assert [each.name for each in description.interface(store.path(candidate.content))[0]] == ["n3", "text"]


def test_more_columns_than_there_are_is_one_message(store: Store) -> None:
    with pytest.raises(InputError, match="at most the number of columns") as caught:
        fitted(store, prepared_noise(store), features=7)
    assert (caught.value.path, str(caught.value.nearest)) == ("features", "6")


@pytest.mark.parametrize("features", [0, 1.5, 0.0, -2])
def test_a_share_or_a_count(features: Any) -> None:
    with pytest.raises(ValidationError, match="a share of the columns between 0 and 1, or a whole number"):
        Fit.model_validate({"family": "lightgbm", "features": features})

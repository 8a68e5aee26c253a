"""A simple model is fitted, converted and proven in one step; its file takes the raw columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import datasets, runs
from support.prepared_tables import prepared_table

from tasks.core import Candidate, InputError, Prepared, Store
from tasks.data import input_layout, product_inputs
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import preprocess
from tasks.data.tables.column_steps import TransformTarget
from tasks.kernels.onnx import description, sessions
from tasks.models.estimators.fit import predict_rows
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline, fit_table


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def fitted(store: Store, prepared: Prepared, **knobs: Any) -> Candidate:
    return fit_table(prepared, Fit.model_validate({"family": "lightgbm", **knobs}), (), runs.context_of(store))


@pytest.mark.parametrize("family", ["linear", "lightgbm", "random_forest"])
@pytest.mark.parametrize("classes", [3, 0])
def test_the_file_answers_as_the_model(family: str, classes: int, store: Store) -> None:
    prepared = prepared_table(store, classes)
    candidate = fitted(store, prepared, family=family)
    assert (candidate.form, candidate.lineage[0].technique) == ("onnx", "fit")
    spec = Fit.model_validate({"family": family})
    pipeline = fit_pipeline(prepared, spec, (), runs.context_of(store))
    found = sessions.predict(store.path(candidate.content), input_layout.product_inputs(prepared, "test", store))
    rows = store.get_frame(prepared.dataset.splits["test"].inputs)
    np.testing.assert_allclose(found, predict_rows(pipeline, rows), rtol=1e-3, atol=1e-4)
    record = store.get_json(str(candidate.lineage[0].record))
    hops = [(hop["hop"], hop["n"], hop["passed"]) for hop in record["parity"]]
    assert hops == [(f"scikit-learn → ONNX, {split}", 300, True) for split in ("validation", "test")]


@pytest.mark.parametrize("method", ["log", "quantile"])
@pytest.mark.parametrize("family", ["linear", "lightgbm", "random_forest"])
def test_a_transformed_target_is_answered_in_its_own_unit(family: str, method: Any, store: Store) -> None:
    prepared = prepared_table(store, classes=0)
    splits = {
        name: replace(split, targets=store.put_array(np.exp(store.get_array(split.targets) / 4)))
        for name, split in prepared.dataset.splits.items()
    }
    prepared = replace(prepared, dataset=replace(prepared.dataset, splits=splits))
    spec, steps = Fit.model_validate({"family": family}), (TransformTarget(method=method),)
    plain, mapped = (fit_table(prepared, spec, each, runs.context_of(store)) for each in ((), steps))
    pipeline = fit_pipeline(prepared, spec, steps, runs.context_of(store))
    inputs = input_layout.product_inputs(prepared, "test", store)
    found, before = (sessions.predict(store.path(each.content), inputs) for each in (mapped, plain))
    rows = store.get_frame(splits["test"].inputs)
    np.testing.assert_allclose(found, predict_rows(pipeline, rows), rtol=1e-3)
    targets = store.get_array(splits["test"].targets)
    errors = [float(np.abs(each[:, 0] - targets).mean()) for each in (found, before)]
    assert errors[0] < (0.5 if family == "linear" else 1.3) * errors[1]
    record = store.get_json(str(mapped.lineage[0].record))
    assert all(hop["max_difference"] < 1e-4 for hop in record["parity"])


def test_the_file_says_how_it_is_read_and_measured(store: Store) -> None:
    prepared = prepared_table(store)
    path = store.path(fitted(store, prepared, family="linear").content)
    inputs, outputs = description.interface(path)
    assert [tensor.name for tensor in inputs] == [column.name for column in prepared.dataset.columns]
    assert [tensor.name for tensor in outputs] == ["label_", "probabilities"]  # a column is called label
    said = description.metadata(path)
    assert json.loads(said["classes"]) == ["class 0", "class 1", "class 2"]
    assert json.loads(said[sessions.MEASURED]) == {"name": "probabilities", "form": "probabilities"}


def test_the_same_fit_is_the_same_file(store: Store) -> None:
    prepared = prepared_table(store)
    first, again, other = (fitted(store, prepared, arguments={"n_estimators": count}) for count in (9, 9, 8))
    assert first.content == again.content != other.content


def test_settings_reach_the_library(store: Store) -> None:
    prepared = prepared_table(store)
    with pytest.raises(InputError, match=r"n_estimator.*nearest valid choice: n_estimators"):
        fitted(store, prepared, arguments={"n_estimator": 3})
    low = fitted(store, prepared_table(store, 0), quantile=0.1)
    high = fitted(store, prepared_table(store, 0), quantile=0.9)
    inputs = input_layout.product_inputs(prepared_table(store, 0), "test", store)
    below, above = (sessions.predict(store.path(each.content), inputs) for each in (low, high))
    assert below.mean() < above.mean()


def test_a_column_that_32_bits_would_change_is_centred(store: Store) -> None:
    rng = np.random.default_rng(0)
    seconds = 1.7e9 + rng.integers(0, 86400, 400).astype(np.float64)
    table, late = pd.DataFrame({"when": seconds}), (seconds % 86400 > 43200).astype(int)
    dataset = datasets.table_set(store, {"train": (table, late), "validation": (table, late)}, 2)
    column = dataset.columns[0].__class__("when", "number", center=1.7e9 + 43200)
    prepared = Prepared(dataset.__class__(**{**vars(dataset), "columns": (column,)}), "", {}, (1,))
    path = store.path(fitted(store, prepared).content)
    assert description.interface(path)[0][0].dtype == "float64"
    answers = sessions.predict(path, input_layout.product_inputs(prepared, "validation", store)).argmax(axis=1)
    assert (answers == late).mean() > 0.99


@pytest.mark.parametrize("family", ["linear", "lightgbm"])
def test_a_file_of_a_model_on_dates_takes_seconds_and_reads_dates(family: str, store: Store, tmp_path: Path) -> None:
    when = pd.Timestamp("1965-01-01") + pd.to_timedelta(np.random.default_rng(0).integers(0, 10**7, 600), unit="min")
    frame = pd.DataFrame({"when": when.strftime("%d.%m.%Y %H:%M"), "y": np.where(when.hour < 12, "am", "pm")})
    frame.loc[[0, 1], "when"] = ["", "unknown"]
    frame.to_csv(tmp_path / "a.csv", index=False)
    spec = DataSpec.model_validate({"source": str(tmp_path / "a.csv"), "target": "y"})
    prepared = preprocess(datasets.ingested(spec, store), (), store)
    candidate = fitted(store, prepared, family=family)
    file = store.path(candidate.content)
    [tensor] = description.interface(file)[0]
    assert (tensor.name, tensor.dtype) == ("when", "float64")
    said = description.metadata(file)
    assert json.loads(said["dates"]) == {"when": "float64 seconds since 1970-01-01 00:00:00 UTC, NaN where missing"}
    (tmp_path / "fresh.csv").write_text("when\n03.02.1969 06:00\n03.02.1969 18:00\n\nn/a\n")
    found = product_inputs.read_examples(tmp_path / "fresh.csv", file).inputs
    assert found["when"][:2, 0].tolist() == [-28663200.0, -28620000.0]
    answers = np.exp(sessions.predict(file, found))
    assert answers[:2].argmax(1).tolist() == [0, 1]
    assert np.isfinite(answers).all()
    (tmp_path / "wrong.csv").write_text("when\n03.02.1969 06:00\n1969-02-03\n")
    with pytest.raises(InputError, match=r"in the form %d\.%m\.%Y, but row 1, counted from 0, does not"):
        product_inputs.read_examples(tmp_path / "wrong.csv", file)

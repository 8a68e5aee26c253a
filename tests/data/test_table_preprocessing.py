"""Table preprocessing: dates become features in the frame layer and in the product's graph, with the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from support import datasets

from tasks.core import Column, Dataset, Store
from tasks.data.tables.column_steps import Impute, Scale
from tasks.data.tables.date_columns import settle_dates
from tasks.data.tables.table_preprocessing import fit_columns, table_features
from tasks.kernels.onnx.preprocessing_graph import table_prefix

DAY = 86400.0


def table(rows: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    hired = generator.uniform(-62000 * DAY, 84000 * DAY, rows)
    hired[:5] = np.nan
    return pd.DataFrame(
        {"town": np.array(["a", "b"] * (rows // 2), object), "hired": hired, "n": generator.normal(size=rows)}
    )


def dated(store: Store, frame: pd.DataFrame) -> Dataset:
    dataset = datasets.table_set(store, {"train": (frame, [0, 1] * (len(frame) // 2))}, classes=2)
    columns = tuple(replace(each, kind="date") if each.name == "hired" else each for each in dataset.columns)
    return replace(dataset, columns=settle_dates(columns, frame, None))


@pytest.mark.parametrize("steps", [(), (Impute(indicator=True), Scale(method="none", columns=("hired.year",)))])
def test_the_product_gives_the_features_of_training_from_raw_seconds(steps: Any, tmp_path: Path) -> None:
    frame = table()
    dataset = dated(Store(tmp_path), frame)
    fitted = fit_columns(dataset, steps, False, frame, np.array([0, 1] * 100))
    assert [name for name in fitted["features"] if name.endswith("hired.year")]
    graph = table_prefix(fitted)
    graph.ir_version = 10
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    assert [each.type for each in session.get_inputs()] == ["tensor(string)", "tensor(double)", "tensor(float)"]
    feeds = {
        "input_0": frame[["town"]].to_numpy(object),
        "input_1": frame[["hired"]].to_numpy(np.float64),
        "input_2": frame[["n"]].to_numpy(np.float32),
    }
    features = table_features(frame, fitted)
    assert features.shape == (200, len(fitted["features"]))
    assert np.array_equal(session.run(None, feeds)[0], features)
    assert not np.isnan(features).any()


def test_a_date_may_be_the_only_column(tmp_path: Path) -> None:
    frame = table()[["hired"]]
    dataset = replace(dated(Store(tmp_path), frame), columns=(Column("hired", "date", center=0.0, parts=("month",)),))
    fitted = fit_columns(dataset, (Scale(method="none"), Impute()), False, frame, np.array([0, 1] * 100))
    assert fitted["features"] == ["hired.month"]
    months = pd.to_datetime(frame["hired"][5:], unit="s").dt.month
    assert table_features(frame, fitted)[5:, 0].tolist() == months.tolist()

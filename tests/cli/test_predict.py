"""Predict: names, answers and probabilities as lines, as JSON and as files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import product_files, runs

from flows.cli import predict
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks import tracking
from tasks.core import InputError, Workspace
from tasks.evaluation.reasons import RowReasons
from tasks.kernels.engines import runtime_record
from tasks.kernels.engines.runtime_record import RuntimeRecord, with_record
from tasks.kernels.onnx import sessions
from tasks.tracking import registry

CLASSES = predict.Predictions(
    ("a.png", "b é.png"),
    np.array(["yes", "no"], dtype=object),
    ("no", "yes"),
    np.array([[0.25, 0.75], [0.5, 0.5]]),
)
NUMBERS = predict.Predictions(("0", "1"), np.array([1234567.0, 0.5], np.float32), (), None)


def test_an_answer_on_each_line() -> None:
    assert CLASSES.lines == ["yes", "no"]
    assert NUMBERS.lines == ["1.23457e+06", "0.5"]


@pytest.mark.parametrize("ending", predict.ENDINGS)
def test_a_table_with_names_answers_and_probabilities(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"answers{ending}"
    predict.check_output(file)
    predict.write_predictions(CLASSES, file)
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}[ending]
    found = read(file)
    assert list(found.columns) == ["example", "answer", "probability of no", "probability of yes"]
    assert found.to_numpy().tolist() == [["a.png", "yes", 0.25, 0.75], ["b é.png", "no", 0.5, 0.5]]


def test_numbers_have_no_probabilities() -> None:
    assert json.loads(predict.records_of(NUMBERS)) == [
        {"example": "0", "answer": 1234567.0},
        {"example": "1", "answer": 0.5},
    ]


def test_reasons_stand_behind_the_answer_and_in_columns_of_their_own() -> None:
    named = np.array([["age", "town"], ["", ""]], dtype=object)
    told = dataclasses.replace(CLASSES, reasons=RowReasons(named, np.array([[0.3111111, -0.25], [0.0, 0.0]])))
    assert told.lines == ["yes: age +0.311, town -0.25", "no"]
    first, second = json.loads(predict.records_of(told))
    assert [first[name] for name in ("reason 1", "effect 1", "reason 2", "effect 2")] == [
        "age",
        0.311111,
        "town",
        -0.25,
    ]
    assert [second[name] for name in ("reason 1", "effect 1")] == [None, None]


def test_where_answers_cannot_go(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--output: must end with \.csv, .*nearest valid choice: a\.csv"):
        predict.check_output(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="must lie in a folder that exists"):
        predict.check_output(tmp_path / "nowhere" / "a.csv")


def registered_images(record: RuntimeRecord, folder: Path) -> tuple[Recipe, Path, Workspace]:
    """A champion whose file has this runtime record, and a file of examples for it."""
    workspace = runs.workspace(folder)
    uri, file, inputs = workspace.tracking_uri, folder / "product.onnx", product_files.images(4)
    file.write_bytes(with_record(product_files.image_file(), record))
    run = tracking.open_run(uri, "pictures", "pictures", "key", {}, {})
    outputs = sessions.run_all(file, inputs)
    registry.register(uri, file, "pictures", run, {"paredown.candidate": "one"}, inputs, outputs)
    np.save(folder / "examples.npy", inputs["image"])
    recipe = validate_recipe({"name": "pictures", "data": {"source": "examples.npz"}})
    return recipe, folder / "examples.npy", workspace


def test_another_version_of_the_engine_is_said_beside_the_answers(tmp_path: Path) -> None:
    found = predict.predict_file(*registered_images(RuntimeRecord(version="1.2"), tmp_path))
    assert len(found.answers) == 4
    [said] = found.warnings
    assert said.startswith("the product was measured in ONNX Runtime 1.2, but ")
    assert said.endswith("install onnxruntime==1.2, or run `paredown optimize` again")


def test_an_engine_that_is_not_installed_answers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = registered_images(RuntimeRecord("openvino", "1.2"), tmp_path)
    monkeypatch.setattr(runtime_record, "installed_version", lambda engine: None)
    with pytest.raises(InputError, match=r"the file runs in OpenVINO, which must be installed: pip install 'paredown"):
        predict.predict_file(*given)

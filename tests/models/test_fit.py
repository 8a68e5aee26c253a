"""Each family is fitted, becomes a file, and answers the same on all rows; two fits are one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from support.mixed_tables import (
    CLASSES,
    mixed_table,
    raw_inputs,
    three_classes,
    transformer_for,
    unseen_rows,
    values_of,
)

from tasks.core import InputError
from tasks.kernels.estimators.agreement import compare_answers
from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.onnx.serialization import dump
from tasks.models.estimators.families import FAMILIES, ModelSetting
from tasks.models.estimators.fit import fit_estimator, predict_rows, rounds_of

TABLE, HELD = mixed_table(), mixed_table(100, seed=2)
INPUTS = raw_inputs(TABLE)
SHORT = {"hist_boosting": {"max_iter": 30}, "lightgbm": {"n_estimators": 30}, "xgboost": {"n_estimators": 30}}
SHORT |= {"random_forest": {"n_estimators": 10}, "extra_trees": {"n_estimators": 10}}


def fitted(name: str, task: str = "classification", held: bool = False, **asked: Any) -> Any:
    family, targets = FAMILIES[name], three_classes if task == "classification" else values_of
    setting = ModelSetting(**{"task": task, "arguments": SHORT.get(name, {}), **asked})
    validation = (HELD, targets(HELD)) if held else None
    classes = 3 if task == "classification" else 0
    return fit_estimator((TABLE, targets(TABLE)), validation, family, setting, lambda: transformer_for(family), classes)


def digest(name: str, **asked: Any) -> str:
    return hashlib.sha256(dump(convert_estimator(fitted(name, **asked), INPUTS, CLASSES))).hexdigest()


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_classifiers_become_files_that_answer_the_same(name: str, held: bool) -> None:
    pipeline = fitted(name, held=held, is_balanced=name != "knn")
    found = compare_answers(
        pipeline, dump(convert_estimator(pipeline, INPUTS, CLASSES)), unseen_rows(), INPUTS, CLASSES
    )
    assert (found.count, found.rows) == (300, ())
    scores = predict_rows(pipeline, HELD)
    assert (scores.shape, scores.dtype) == ((100, 3), np.float32)
    assert np.mean(scores.argmax(axis=1) == three_classes(HELD)) > (0.5 if name == "linear" else 0.6)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_regressors_become_files_that_answer_the_same(name: str, held: bool) -> None:
    pipeline, scale = fitted(name, "regression", held), values_of(TABLE).std()
    file = dump(convert_estimator(pipeline, INPUTS))
    assert compare_answers(pipeline, file, unseen_rows(), INPUTS, scale=scale).rows == ()
    answers = predict_rows(pipeline, HELD)
    assert answers.shape == (100, 1)
    assert np.corrcoef(answers[:, 0], values_of(HELD))[0, 1] > 0.9


@pytest.mark.parametrize("name", FAMILIES)
def test_one_or_two_threads_fit_the_same_model(name: str) -> None:
    assert digest(name) == digest(name, threads=2)


PROGRAM = """
import sys; sys.path.insert(0, "tests/models")
from tasks.models.estimators.families import FAMILIES
from test_fit import digest
print([digest(name) for name in FAMILIES])
"""


def test_two_processes_fit_the_same_models() -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    where = {"PYTHONPATH": f"{root}:{root / 'tests'}", "PYTHONHASHSEED": "5"}
    found = subprocess.run(command, cwd=root, env=where, capture_output=True, text=True, check=True).stdout
    assert found.strip() == str([digest(name) for name in FAMILIES])


@pytest.mark.parametrize("name", ["hist_boosting", "lightgbm", "xgboost"])
def test_validation_data_stop_boosting_early(name: str) -> None:
    model = fitted(name, held=True, arguments={"learning_rate": 0.5})[-1]
    rounds = {"hist_boosting": "n_iter_", "lightgbm": "best_iteration_", "xgboost": "best_iteration"}
    assert 1 <= getattr(model, rounds[name]) < 200


@pytest.mark.parametrize("name", ["hist_boosting", "lightgbm", "xgboost"])
def test_the_rounds_that_validation_found_are_fitted_without_it(name: str) -> None:
    found = rounds_of(fitted(name, held=True, arguments={}))
    assert found is not None
    assert 1 <= found < 1000
    again = fitted(name, held=True, arguments={}, rounds=found)
    assert rounds_of(again) == found, "nothing stops it earlier"
    assert rounds_of(fitted(name)) == 30


def test_what_is_not_boosted_has_no_rounds() -> None:
    assert [rounds_of(fitted(name)) for name in ("linear", "random_forest", "knn")] == [None] * 3


@pytest.mark.parametrize("name", ["hist_boosting", "lightgbm", "xgboost"])
def test_monotone_columns_by_name(name: str) -> None:
    pipeline = fitted(name, "regression", monotone={"a_b": -1, "1st value": 1})
    rows = HELD.iloc[np.zeros(50, int)].reset_index(drop=True)
    rising = rows.assign(**{"1st value": np.linspace(-1, 10, 50, dtype=np.float32)})
    falling = rows.assign(a_b=np.linspace(-3, 3, 50, dtype=np.float32))
    assert (np.diff(predict_rows(pipeline, rising)[:, 0]) >= 0).all()
    assert (np.diff(predict_rows(pipeline, falling)[:, 0]) <= 0).all()


@pytest.mark.parametrize(("monotone", "said"), [({"größe": 1}, "must be a number column"), ({"a_b": 2}, "must be 1")])
def test_directions_that_are_none(monotone: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=rf"model.monotone.*{said}"):
        fitted("lightgbm", "regression", monotone=monotone)


@pytest.mark.parametrize("name", ["linear", "hist_boosting", "lightgbm", "xgboost"])
def test_quantiles_lie_above_their_share_of_rows(name: str) -> None:
    below = values_of(HELD) <= predict_rows(fitted(name, "regression", quantile=0.9), HELD)[:, 0]
    assert 0.75 <= below.mean() <= 1


@pytest.mark.parametrize("name", ["linear", "random_forest", "hist_boosting", "lightgbm", "xgboost"])
def test_balanced_classes_find_the_rare_one(name: str) -> None:
    noise = np.random.default_rng(0).random(len(TABLE))
    targets = (TABLE["a_b"] + noise * 3 > 3.2).astype(int).to_numpy()
    family, found = FAMILIES[name], []
    for is_balanced in (False, True):
        setting = ModelSetting("classification", {}, is_balanced=is_balanced)
        pipeline = fit_estimator((TABLE, targets), None, family, setting, lambda: transformer_for(family), 2)
        scores = predict_rows(pipeline, HELD)
        found.append(float(np.exp(scores[:, 1]).mean()))
    assert found[1] > found[0]


def test_a_class_without_a_row() -> None:
    family = FAMILIES["linear"]
    with pytest.raises(InputError, match="class number 2 has none"):
        fit_estimator(
            (TABLE, np.arange(len(TABLE)) % 2),
            None,
            family,
            ModelSetting("classification"),
            lambda: transformer_for(family),
            3,
        )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("random_forest", {"max_depth": "deep"}), ("lightgbm", {"num_leaves": 1}), ("xgboost", {"max_depth": -3})],
)
def test_values_that_the_library_refuses(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"model.arguments.{next(iter(arguments))}: .* refuses: "):
        fitted(name, arguments=arguments)


@pytest.mark.parametrize("name", ["lightgbm", "random_forest", "linear"])
def test_a_shipped_table(name: str) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import StandardScaler

    data = load_wine(as_frame=True)
    table, targets = data.data.astype(np.float32), data.target.to_numpy()
    chain = StandardScaler() if FAMILIES[name].scaled else "passthrough"
    make = lambda: ColumnTransformer([("numbers", chain, list(table.columns))])  # noqa: E731
    pipeline = fit_estimator((table, targets), None, FAMILIES[name], ModelSetting("classification"), make, 3)
    inputs = [RawInput(column, "float32") for column in table.columns]
    classes = list(data.target_names)
    file = dump(convert_estimator(pipeline, inputs, classes))
    assert compare_answers(pipeline, file, table, inputs, classes).rows == ()

"""Fitted estimators as graphs: the raw interface, the same answers, the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from support.mixed_tables import (
    CLASSES,
    mixed_table,
    plain_transformer,
    raw_inputs,
    three_classes,
    unseen_rows,
    values_of,
)
from xgboost import XGBClassifier, XGBRegressor

from tasks.kernels.estimators.agreement import compare_answers
from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.estimators.exactness import WORDS, Unconvertible
from tasks.kernels.estimators.float32_features import Float32Features
from tasks.kernels.onnx.serialization import dump
from tasks.kernels.onnx.sessions import run_all

TABLE = mixed_table()
INPUTS = raw_inputs(TABLE)
TEXT = plain_transformer("ordinal", scaled=False, imputed=True)
KEPT = plain_transformer("ordinal", scaled=False, imputed=False)


def pipeline(model: Any, transformer: Any) -> Pipeline:
    return Pipeline([("columns", transformer), ("float32", Float32Features()), ("model", model)])


def names(values: Sequence[Any]) -> list[str]:
    return [value.name for value in values]


def test_inputs_have_the_raw_names_and_outputs_that_are_free() -> None:
    fitted = pipeline(LogisticRegression(), plain_transformer()).fit(TABLE, three_classes(TABLE))
    proto = convert_estimator(fitted, INPUTS, CLASSES)
    assert names(proto.graph.input) == list(TABLE.columns)
    assert names(proto.graph.output) == ["label_", "probabilities"]
    assert {each.type.tensor_type.shape.dim[0].dim_param for each in proto.graph.input} == {"batch"}
    assert [each.dim_value for each in proto.graph.output[1].type.tensor_type.shape.dim] == [0, 3]
    assert proto.producer_name == ""
    onnx.checker.check_model(proto, full_check=True)
    found = run_all(dump(proto), {n: TABLE[[n]].to_numpy(object if n in ("größe", "label") else None) for n in TABLE})
    assert set(found["label_"]) == set(CLASSES)
    assert found["probabilities"].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_transformer_gives_float32_features() -> None:
    transformer = plain_transformer().fit(TABLE)
    proto = convert_estimator(transformer, INPUTS)
    assert names(proto.graph.output) == ["features"]
    assert proto.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value == transformer.transform(TABLE).shape[1]
    assert compare_answers(transformer, dump(proto), unseen_rows(), INPUTS).rows == ()


@pytest.mark.parametrize(
    ("model", "transformer"),
    [
        (LogisticRegression(), plain_transformer()),
        (KNeighborsClassifier(), plain_transformer()),
        (RandomForestClassifier(10, random_state=0), TEXT),
        (HistGradientBoostingClassifier(max_iter=10), KEPT),
        (LGBMClassifier(n_estimators=10, verbose=-1), KEPT),
        (XGBClassifier(n_estimators=10), KEPT),
        (
            VotingClassifier(
                [("trees", RandomForestClassifier(5, random_state=0)), ("linear", LogisticRegression())],
                voting="soft",
                flatten_transform=False,
            ),
            TEXT,
        ),
        (
            StackingClassifier(
                [
                    ("trees", RandomForestClassifier(5, random_state=0)),
                    ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
                ]
            ),
            TEXT,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("count", [2, 3])
def test_classifiers_answer_the_same_on_all_rows(model: Any, transformer: Any, count: int) -> None:
    targets, classes = np.minimum(three_classes(TABLE), count - 1), CLASSES[:count]
    fitted = pipeline(model, transformer).fit(TABLE, targets)
    proto = convert_estimator(fitted, INPUTS, classes)
    found = compare_answers(fitted, dump(proto), unseen_rows(), INPUTS, classes)
    assert (found.count, found.rows) == (300, ())
    assert found.largest < 2e-6


@pytest.mark.parametrize(
    ("model", "transformer"),
    [
        (Ridge(), plain_transformer()),
        (QuantileRegressor(quantile=0.9, alpha=1e-4), plain_transformer()),
        (ExtraTreesRegressor(10, random_state=0), TEXT),
        (HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=10), KEPT),
        (LGBMRegressor(n_estimators=10, verbose=-1), KEPT),
        (LGBMRegressor(n_estimators=10, objective="poisson", verbose=-1), KEPT),
        (XGBRegressor(n_estimators=10), KEPT),
        (XGBRegressor(n_estimators=10, objective="reg:quantileerror", quantile_alpha=0.9), KEPT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_regressors_answer_the_same_on_all_rows(model: Any, transformer: Any) -> None:
    targets = np.abs(values_of(TABLE))
    fitted = pipeline(model, transformer).fit(TABLE, targets)
    proto = convert_estimator(fitted, INPUTS)
    assert names(proto.graph.output) == ["prediction"]
    found = compare_answers(fitted, dump(proto), unseen_rows(), INPUTS, scale=targets.std())
    assert (found.count, found.rows) == (300, ())
    assert found.largest < 1e-5


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_diabetes])
def test_a_matrix_is_one_input(load: Any) -> None:
    rows, targets = load(return_X_y=True)
    rows = rows.astype(np.float32)
    kind = LGBMRegressor if load is load_diabetes else LGBMClassifier
    fitted = kind(n_estimators=10, verbose=-1).fit(rows, targets)
    classes = None if load is load_diabetes else [str(number) for number in range(len(set(targets)))]
    inputs = [RawInput("input", "float32", rows.shape[1])]
    proto = convert_estimator(fitted, inputs, classes)
    scale = targets.std() if classes is None else 1.0
    assert compare_answers(fitted, dump(proto), rows, inputs, classes, scale).rows == ()


def test_words_of_texts_become_features() -> None:
    table = TABLE.assign(text=np.resize(["the cat", "A dog, and the cat!", "fish-fish 12"], len(TABLE)))[["text"]]
    from sklearn.compose import ColumnTransformer

    words = ColumnTransformer([("words", TfidfVectorizer(token_pattern=WORDS), "text")]).fit(table)
    inputs = [RawInput("text", "string")]
    assert compare_answers(words, dump(convert_estimator(words, inputs)), table, inputs).rows == ()


def test_samplers_are_left_out() -> None:
    class Sampler:
        def fit_resample(self, rows: Any, targets: Any) -> Any:
            return rows, targets

    class Sampling(Pipeline):  # type: ignore[misc]
        """Like imbalanced-learn's: a step may sample."""

        def _validate_steps(self) -> None:
            return

    parts = pipeline(LogisticRegression(), plain_transformer()).fit(TABLE, three_classes(TABLE))
    sampling = Sampling([parts.steps[0], ("sampler", Sampler()), *parts.steps[1:]])
    assert dump(convert_estimator(sampling, INPUTS, CLASSES)) == dump(convert_estimator(parts, INPUTS, CLASSES))


def test_classes_are_those_of_the_fit() -> None:
    fitted = pipeline(LogisticRegression(), plain_transformer()).fit(TABLE, three_classes(TABLE))
    with pytest.raises(Unconvertible, match="not 0 to 1"):
        convert_estimator(fitted, INPUTS, CLASSES[:2])


PROGRAM = """
import hashlib
from support.mixed_tables import *
from lightgbm import LGBMClassifier
from sklearn.pipeline import Pipeline
from tasks.kernels.estimators.conversion import convert_estimator
from tasks.kernels.onnx.serialization import dump
table = mixed_table()
pipeline = Pipeline([("columns", plain_transformer()), ("model", LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1))])
proto = convert_estimator(pipeline.fit(table, three_classes(table)), raw_inputs(table), CLASSES)
print(hashlib.sha256(dump(proto)).hexdigest())
"""


def test_two_processes_write_the_same_bytes() -> None:
    root = Path(__file__).resolve().parents[2]
    found = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM],
            env={"PYTHONPATH": f"{root}:{root / 'tests'}", "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] != ""

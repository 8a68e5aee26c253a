"""Small trained ensembles of trees as ONNX files, and examples for them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import onnx
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier, RandomForestClassifier

from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.onnx.sessions import MeasuredOutput

COLUMNS = 6
KINDS = ("forest", "boosted", "boosted_classes", "regression")


def rows(count: int, seed: int = 0) -> np.ndarray:
    """Random numbers, (count, COLUMNS), a tenth of the last column missing."""
    draw = np.random.default_rng(seed)
    found = draw.normal(size=(count, COLUMNS)).astype(np.float32)
    found[draw.random(count) < 0.1, -1] = np.nan
    return found


def targets(x: np.ndarray, classes: int) -> np.ndarray:
    """A noisy function of the rows: class indices, or with `classes` 0 numbers."""
    score = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) + np.random.default_rng(9).normal(size=len(x)) / 2
    if not classes:
        return np.asarray(100 + 10 * score)
    return np.asarray(np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])))


def classes_of(kind: str) -> int:
    """How many classes the ensemble has; 0: it is a regression."""
    return {"forest": 2, "boosted": 2, "boosted_classes": 3, "regression": 0}[kind]


@cache
def tree_file(kind: str) -> bytes:
    """The trained ensemble (one of KINDS) with the input `x` and its measured output in the metadata."""
    estimators: dict[str, Any] = {
        "forest": RandomForestClassifier(30, min_samples_leaf=3, random_state=0),
        "boosted": HistGradientBoostingClassifier(max_iter=40, random_state=0),
        "boosted_classes": HistGradientBoostingClassifier(max_iter=20, random_state=0),
        "regression": ExtraTreesRegressor(30, min_samples_leaf=3, random_state=0),
    }
    x, classes = rows(1200, seed=1), classes_of(kind)
    model = estimators[kind].fit(x, targets(x, classes))
    names = [f"class {each}" for each in range(classes)] or None
    proto: onnx.ModelProto = convert_estimator(model, [RawInput("x", "float32", COLUMNS)], names)
    measured = MeasuredOutput("probabilities", "probabilities") if classes else MeasuredOutput("prediction")
    for key, value in measured.remark.items():
        assert json.loads(value)["name"] in {output.name for output in proto.graph.output}
        proto.metadata_props.add(key=key, value=value)
    return bytes(proto.SerializeToString(deterministic=True))


def tree_batches(kind: str, count: int = 256, seed: int = 2) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Examples in two batches, which no ensemble was trained on."""
    x = rows(count, seed)
    y = targets(x, classes_of(kind))
    return [({"x": x[:100]}, y[:100]), ({"x": x[100:]}, y[100:])]

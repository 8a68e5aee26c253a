"""The mended converters: thresholds of 32 bits, and nothing left changed."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.kernels.estimators.agreement import compare_answers
from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.estimators.converters import float32_below, mended_converters
from tasks.kernels.estimators.exactness import Unconvertible
from tasks.kernels.onnx.serialization import dump


def test_thresholds_are_rounded_down() -> None:
    value = float(np.float32(3.4491))
    assert float32_below(value) == value
    assert float32_below(np.nextafter(value, np.inf)) == value
    assert float32_below(np.nextafter(value, -np.inf)) == float(np.nextafter(np.float32(value), np.float32(0)))
    assert float32_below(-1e-50) == float(np.nextafter(np.float32(0), np.float32(-1)))
    assert float32_below(1e308) == float(np.finfo(np.float32).max)


def test_values_on_a_threshold_go_where_the_booster_sends_them() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 2)).astype(np.float32)
    targets = np.floor(rows[:, 0] * 1000) % 7
    model = LGBMRegressor(n_estimators=60, num_leaves=255, verbose=-1, n_jobs=1).fit(rows, targets)
    thresholds = model.booster_.trees_to_dataframe().query("split_feature == 'Column_0'")["threshold"].to_numpy()
    nearest = thresholds.astype(np.float32)
    near = np.concatenate([np.nextafter(nearest, np.float32(side)) for side in (-np.inf, np.inf)] + [nearest])
    rows = np.stack([near, np.zeros_like(near)], axis=1)
    inputs = [RawInput("rows", "float32", 2)]
    found = compare_answers(model, dump(convert_estimator(model, inputs)), rows, inputs, scale=targets.std())
    assert found.count > 10_000
    assert found.rows == ()


def test_the_libraries_own_functions_come_back() -> None:
    from onnxmltools.convert.lightgbm.operator_converters import LightGbm
    from skl2onnx.common import tree_ensemble

    before = tree_ensemble.add_node, LightGbm.dump_booster_model
    with mended_converters():
        assert tree_ensemble.add_node is not before[0]
        assert LightGbm.dump_booster_model is not before[1]
    assert (tree_ensemble.add_node, LightGbm.dump_booster_model) == before
    with pytest.raises(Unconvertible):
        convert_estimator(LGBMRegressor(), [RawInput("rows", "float32", 2)])  # it is not fitted
    assert (tree_ensemble.add_node, LightGbm.dump_booster_model) == before


@pytest.mark.parametrize("seed", range(4))
def test_thresholds_of_histogram_boosting_are_rounded_down(seed: int) -> None:
    """With thresholds rounded to the nearest float32, one or two of these rows get another answer."""
    rows, targets = load_breast_cancer(return_X_y=True)
    rows = rows.astype(np.float32)
    train = np.random.default_rng(seed).permutation(len(rows))[:250]
    model = HistGradientBoostingClassifier(max_iter=80, random_state=seed).fit(rows[train], targets[train])
    inputs = [RawInput("x", "float32", rows.shape[1])]
    graph = convert_estimator(model, inputs, ["benign", "malignant"]).SerializeToString()
    found = compare_answers(model, graph, rows, inputs, ["benign", "malignant"])
    assert (found.count, found.rows) == (569, ())
    assert found.largest < 1e-6

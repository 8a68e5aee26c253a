"""A classifier with classes of its own answers in the order of other names."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.onnx.sessions import run_all

ROWS = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
NUMBERS = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] > 1)


@pytest.mark.parametrize("own", [np.array(["b", "a", "c"]), np.array([7, 3, 5])])
def test_probabilities_and_labels_follow_the_order(own: np.ndarray) -> None:
    model = LogisticRegression().fit(ROWS, own[NUMBERS])
    names = [str(each) for each in own]
    order = [list(model.classes_).index(each) for each in own]
    assert order != [0, 1, 2]
    graph = convert_estimator(model, [RawInput("x", "float32", 2)], names, order)
    label, probabilities = run_all(graph.SerializeToString(), {"x": ROWS}).values()
    np.testing.assert_allclose(probabilities, model.predict_proba(ROWS)[:, order], atol=1e-5)
    assert list(label) == [str(each) for each in model.predict(ROWS)]

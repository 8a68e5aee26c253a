"""Probability calibration: the fitted map, and the operators that compute it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tasks.kernels.estimators import probability_calibration
from tasks.kernels.estimators.probability_calibration import CalibrationMap
from tasks.kernels.onnx import sessions


def file(opset: int = 18) -> bytes:
    """A file that gives its input as `p`, and the likeliest class as `label`."""
    nodes = [
        helper.make_node("Identity", ["x"], ["p"]),
        helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0),
    ]
    x, p = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xp")
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
    graph = helper.make_graph(nodes, "g", [x], [label, p])
    opsets = [helper.make_opsetid("", opset)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def sample(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes that are too sure by a factor of two in the log-odds, and true classes."""
    draw = np.random.default_rng(0)
    logit = draw.normal(size=count)
    classes = (draw.random(count) < 1 / (1 + np.exp(-(logit + 0.3)))).astype(np.int64)
    second = 1 / (1 + np.exp(-2 * logit))
    return np.stack([1 - second, second], axis=1), classes


def test_the_map_that_was_there_is_found() -> None:
    found, classes = sample()
    fitted = probability_calibration.fit_calibration(found, classes, offset=True)
    assert fitted.slope == pytest.approx(0.5, abs=0.05)
    assert list(fitted.offset) == pytest.approx([0.0, 0.3], abs=0.1)
    assert probability_calibration.fit_calibration(found, classes, offset=False).offset == ()
    assert probability_calibration.gains_of(found, classes, offset=True).mean() > 0.05
    mapped = fitted.probabilities(found)
    again = probability_calibration.gains_of(mapped, classes, offset=True)
    assert abs(again.mean()) < 0.002


@pytest.mark.parametrize("mapping", [CalibrationMap(0.5, (0.0, 0.3)), CalibrationMap(0.7, ())])
def test_the_operators_compute_the_map_and_the_label_follows(mapping: CalibrationMap) -> None:
    found, _ = sample(500)
    found[0] = [0, 1]
    values = np.array([10, 20])
    data = probability_calibration.with_calibration(file(), "p", mapping, {"label": values} if mapping.offset else {})
    onnx.checker.check_model(onnx.load_from_string(data))
    answers = sessions.run_all(data, {"x": found.astype(np.float32)})
    np.testing.assert_allclose(answers["p"], mapping.probabilities(found), atol=1e-6)
    likeliest = answers["p"].argmax(axis=1)
    assert list(answers) == ["label", "p"]
    assert np.array_equal(answers["label"], values[likeliest] if mapping.offset else likeliest)


def test_an_old_operator_set_is_said() -> None:
    with pytest.raises(ValueError, match="operator set 12, and 13 is needed"):
        probability_calibration.with_calibration(file(12), "p", CalibrationMap(1.0, ()), {})

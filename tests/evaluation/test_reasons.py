"""Reasons: the effect of a column is how far the answer moves when the column has its usual value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from tasks.core import Runtime
from tasks.evaluation import reasons
from tasks.evaluation.reasons import find_reasons
from tasks.kernels.onnx.sessions import MeasuredOutput

USUAL = {"age": 40.0, "town": "Ulm", "size": 1.0}


def table_model(path: Path, form: Any = "rows") -> Path:
    """age / 10 + 3 in Bonn + 0 elsewhere; `size` moves nothing. As a `logit` it is that of the second class."""
    towns = {"keys_strings": ["Bonn"], "values_floats": [3.0], "default_float": 0.0}
    nodes = [
        helper.make_node("LabelEncoder", ["town"], ["place"], domain="ai.onnx.ml", **towns),
        helper.make_node("Mul", ["age", "tenth"], ["years"]),
        helper.make_node("Mul", ["size", "nothing"], ["none"]),
        helper.make_node("Sum", ["years", "place", "none"], ["answer"]),
    ]
    kinds = {"size": TensorProto.FLOAT, "town": TensorProto.STRING, "age": TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(name, kind, ["batch", 1]) for name, kind in kinds.items()]
    output = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", 1])
    numbers = [helper.make_tensor(name, TensorProto.FLOAT, [], [x]) for name, x in (("tenth", 0.1), ("nothing", 0.0))]
    graph = helper.make_graph(nodes, "product", inputs, [output], numbers)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    helper.set_model_props(model, MeasuredOutput("answer", form).remark)
    save(model, path)
    return path


def rows(*pairs: tuple[float, str]) -> dict[str, np.ndarray]:
    return {
        "size": np.ones((len(pairs), 1), np.float32),
        "town": np.array([[town] for _, town in pairs], object),
        "age": np.array([[age] for age, _ in pairs], np.float32),
    }


@pytest.mark.parametrize("at_once", [1, 1000])
def test_numbers_and_text_of_a_regression(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "ROWS", at_once)
    taken = rows((90.0, "Bonn"), (30.0, "Bonn"), (40.0, "Ulm"))
    found = find_reasons(table_model(tmp_path / "m.onnx"), taken, USUAL, None, Runtime(), 2)
    assert found.columns.tolist() == [["age", "town"], ["town", "age"], ["", ""]]
    np.testing.assert_allclose(found.effects, [[5, 3], [3, -1], [0, 0]], atol=1e-5)
    assert [found.sentence(row) for row in range(3)] == ["age +5, town +3", "town +3, age -1", ""]


def test_the_probability_of_the_class_that_is_answered(tmp_path: Path) -> None:
    def of_second(logit: float) -> float:
        return float(1 / (1 + np.exp(-logit)))

    path = table_model(tmp_path / "m.onnx", "logit")
    found = find_reasons(path, rows((10.0, "Bonn"), (10.0, "Bonn")), USUAL, np.array([0, 1]), Runtime(), 9)
    by_town, by_age = of_second(4) - of_second(1), of_second(4) - of_second(7)
    np.testing.assert_allclose(found.effects, [[-by_town, -by_age, 0], [by_town, by_age, 0]], atol=1e-5)
    assert found.columns.tolist() == [["town", "age", ""]] * 2


def test_columns_side_by_side_in_one_input(tmp_path: Path) -> None:
    weights = helper.make_tensor("weights", TensorProto.FLOAT, (2, 1), [1.0, 10.0])
    taken = helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["batch", 2])
    given = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", 1])
    node = helper.make_node("MatMul", ["columns", "weights"], ["answer"])
    graph = helper.make_graph([node], "product", [taken], [given], [weights])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx")
    inputs = {"columns": np.array([[3, 1], [1, 2]], np.float32)}
    found = find_reasons(tmp_path / "m.onnx", inputs, {"a": 1.0, "b": 1.0}, None, Runtime(), 1)
    assert found.columns.tolist() == [["a"], ["b"]]
    assert found.effects.tolist() == [[2.0], [10.0]]
